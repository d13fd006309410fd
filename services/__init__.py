"""The four services. They never import each other; they meet only in Redis (`shared/keys.py` is the contract)."""
