"""The prompts of a cell, as token ids of exactly the asked shape."""

import torch


def make_inputs(session, tokenizer, cell, vocab_size, device):
    """Ids and attention mask, both int64 of shape [batch, prompt tokens].

    The first rows of a larger batch are those of a smaller one, so that batches can be compared.
    """
    batch, tokens = cell["batchSize"], cell["promptTokens"]
    if session.request["prompts"]["source"] == "synthetic":
        generator = torch.Generator().manual_seed(session.request["seed"])
        ids = torch.randint(0, vocab_size, (batch, tokens), generator=generator)
        return ids.to(device), torch.ones_like(ids, device=device)

    texts = session.request["prompts"]["texts"]
    chosen = [texts[row % len(texts)] for row in range(batch)]
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    encoded = tokenizer(
        chosen, padding="max_length", truncation=True, max_length=tokens, return_tensors="pt"
    )
    return encoded["input_ids"].to(device), encoded["attention_mask"].to(device)
