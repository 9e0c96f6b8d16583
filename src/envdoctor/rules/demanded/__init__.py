"""What answers a demand of a policy: loaded where one is made."""
