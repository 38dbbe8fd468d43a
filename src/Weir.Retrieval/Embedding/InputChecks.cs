namespace Weir.Retrieval.Embedding;

/// <summary>What a model cannot be asked for.</summary>
internal static class InputChecks
{
    /// <summary>Null: it can.</summary>
    public static RetrievalError? Fault(IEmbeddingModel model, bool isRouted, EmbeddingRequest request)
    {
        if (request.Dimensions is { } dimensions)
        {
            if (dimensions < 1)
                return new RetrievalError(400, "bad_dimensions", $"dimensions is {dimensions}; it must be at least 1.") { Param = "dimensions" };
            if (!isRouted && dimensions > model.Dimensions)
            {
                return new RetrievalError(422, "too_many_dimensions", $"dimensions is {dimensions}; vectors of the model '{request.Model}' have {model.Dimensions}.")
                {
                    Param = "dimensions",
                };
            }

            if (model is ILocalModel { FewestDimensions: { } fewest } && dimensions < fewest)
            {
                return new RetrievalError(422, "too_few_dimensions", $"dimensions is {dimensions}; the model '{request.Model}' makes vectors of {fewest} to {model.Dimensions}.")
                {
                    Param = "dimensions",
                };
            }
        }

        if (isRouted)
            return null;
        for (var i = 0; i < request.Inputs.Count; i++)
        {
            if (request.Inputs[i].IsTokens && TokenFault(model, request, i) is { } fault)
                return fault;
        }

        return null;
    }

    private static RetrievalError? TokenFault(IEmbeddingModel model, EmbeddingRequest request, int place)
    {
        var tokens = request.Inputs[place].Tokens.Span;
        if (model.Tokenizer is not { } tokenizer)
            return Bad("tokens_not_understood", $"input[{place}] is a list of tokens, and the model '{request.Model}' has no tokenizer: send text.");
        if (tokens.IsEmpty)
            return Bad("bad_token", $"input[{place}] is a list without any token.");
        for (var i = 0; i < tokens.Length; i++)
        {
            if ((uint)tokens[i] >= (uint)tokenizer.VocabularySize)
            {
                return Bad(
                    "bad_token",
                    $"input[{place}][{i}] is {tokens[i]}; tokens of the model '{request.Model}' go from 0 to {tokenizer.VocabularySize - 1}.");
            }
        }

        return null;
    }

    private static RetrievalError Bad(string code, string message) => new(400, code, message) { Param = "input" };
}
