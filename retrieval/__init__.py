"""Finding what fits: records, vocabulary, understanding, index, search, and the decision whether anything fits."""
