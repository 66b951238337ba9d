"use strict";
window.holdfast.grid("parcels", { before: [window.holdfast.whyButton((row) => `shipments:${row.shipment_id}`)] });
