"""The codes that findings may have: those of reading, of a night, and of the rules."""

from __future__ import annotations

from typing import Final

from scenarios.validation import CATALOGUE

READING_CODES: Final = frozenset({
    "ambiguous_city", "ambiguous_date", "ambiguous_number", "assumed", "bad_delta",
    "bad_setting", "blank_rows", "blanks_trimmed", "broken_csv", "broken_json", "broken_toml",
    "cells_cleaned", "choice_recognised", "city_resolved", "column_without_heading",
    "control_characters", "coordinates_converted", "currency_sign", "damaged_member",
    "damaged_workbook", "date_for_number", "date_format", "date_rewritten", "date_to_text",
    "dates_since_1904", "decimal_comma", "default_used", "delta_without_effect", "digits_lost",
    "document_type", "duplicate_heading", "duplicate_key_in_json", "duplicate_member",
    "duplicate_setting", "duration", "empty_file", "encoding", "encrypted", "excel_error",
    "excel_serial", "false_size", "flag_recognised", "flag_to_text", "formula", "formula_text",
    "formula_without_value", "full_width", "heading_recognised", "ignored_file",
    "impossible_date", "invisible_character", "joined_twice", "line_ends", "mapping",
    "merged_cells", "milliseconds", "missing_column", "missing_file", "missing_heading",
    "missing_setting", "missing_settings", "negative_in_brackets", "nested_archive",
    "no_known_heading", "not_a_cell", "not_a_date", "not_a_flag", "not_a_number",
    "not_a_record", "not_a_scenario", "not_a_time", "not_a_workbook", "not_combined",
    "not_exact", "not_extracted", "not_finite", "not_joined", "not_whole", "number_to_text",
    "old_workbook", "ordered_never_shown", "ordered_not_in_import", "ordered_of_unknown",
    "percent_sign", "read_as_blank", "replacement_character", "rows_above_headings",
    "scattered_cells", "short_rows", "suspicious_ratio", "symbolic_link", "text_too_long",
    "thousands_separator", "time_dropped", "time_rewritten", "time_zone_converted", "too_large",
    "too_large_unpacked", "too_many_cells", "too_many_cells_in_row", "too_many_members",
    "too_many_rows", "too_much_text", "two_files", "unknown_address", "unknown_choice",
    "unknown_city", "unknown_column", "unknown_encoding", "unknown_file", "unknown_key",
    "unknown_setting", "unknown_sheet", "unknown_table", "unknown_unit", "unmapped_value",
    "unreadable", "unreadable_archive", "unreadable_file", "unreadable_text", "unsafe_path",
    "unsupported_type", "wrong_shape",
})  # fmt: skip
FINDING_CODES: Final = READING_CODES | frozenset(CATALOGUE)
