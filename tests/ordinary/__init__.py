"""Twenty apps as a newcomer would write them, each taken through its first week: what holds for apps that nobody here wrote."""
