"""What people type and write themselves: sessions, and sentences in any language."""
