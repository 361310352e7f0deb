"""Twenty apps as a newcomer would write them, each taken through its first week."""
