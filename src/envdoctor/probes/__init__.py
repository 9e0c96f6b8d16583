"""Looking: each probe turns one subject of a host into facts, without a word of judgement."""
