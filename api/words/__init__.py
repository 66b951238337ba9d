"""What is said to people, in English and in Chinese: shared by pages, reports and commands."""
