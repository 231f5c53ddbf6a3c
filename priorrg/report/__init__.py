"""What a report says: its sentences, their facts, what differs between two reports. Words alone, no model, no page."""
