"""The command line: arguments, language, colours, progress. All work is done in workflows."""
