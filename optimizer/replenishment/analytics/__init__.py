"""What planners read beside the orders: classes, cover, age, stock to come, what to do."""
