"""What stands between the network and the page: who may come in, how much of it, and what the operator sees."""
