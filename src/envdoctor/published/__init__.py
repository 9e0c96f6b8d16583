"""What package indexes publish: pages of files, and wheels read in part. The only room that uses the network."""
