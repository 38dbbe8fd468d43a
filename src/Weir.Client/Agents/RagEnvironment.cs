namespace Weir.Client;

/// <summary>An environment whose model answers from a knowledge base: a prompt, and the tools that search it.</summary>
/// <param name="client">Not disposed with this.</param>
/// <param name="resources">Null: one <c>rag</c>, as its kind is configured.</param>
/// <param name="options">Its own prompt goes before the one here, and its filter is asked after the one here. Null: the defaults.</param>
public sealed class RagEnvironment(WeirClient client, IReadOnlyList<ResourceRequest>? resources = null, AgentEnvironmentOptions? options = null)
    : AgentEnvironment(client, resources ?? [new("rag")], Searching(options ?? new()))
{
    private const string Knowledge =
        """
        You answer questions from a knowledge base that you can search, and from nothing else.
        Search before you answer, with the words that a good answer would hold; when nothing fits, search again in other words: by meaning (dense), by exact words (sparse), or by both (hybrid).
        Say which document each statement comes from. What the knowledge base does not hold, say that it does not hold.
        """;

    private static AgentEnvironmentOptions Searching(AgentEnvironmentOptions options) => options with
    {
        Prompt = options.Prompt ?? Knowledge,
        Offers = tool => tool.StartsWith(ResourceTools.Query, StringComparison.Ordinal) && options.Offers?.Invoke(tool) is not false,
    };
}
