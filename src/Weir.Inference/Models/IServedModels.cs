using Weir.Inference.Relay;
using Weir.Inference.Requests;

namespace Weir.Inference.Models;

/// <summary>
/// Models that this server serves itself, beside its routes. Hosts register any number of these; a name is looked for in the order of registration,
/// after routes and before <c>provider/model</c>.
/// </summary>
public interface IServedModels
{
    /// <summary>Those that may be asked for now.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>The model of this name, or null. Asked on the way of every request that names no route: it neither waits nor locks.</summary>
    IServedModel? Find(string name);
}

/// <summary>One of them.</summary>
public interface IServedModel
{
    string Name { get; }

    /// <summary>What it is, with an article, for a sentence that says why it does not serve an operation: "an embedding model".</summary>
    string Kind { get; }

    /// <summary>The operations that it serves, for the same sentence.</summary>
    IReadOnlyList<Operation> Operations { get; }

    /// <summary>
    /// Serves one request to its end, of an operation that it has. What becomes of it is told by <see cref="InferenceReport.Served"/> before the answer begins.
    /// </summary>
    /// <returns>Null where <paramref name="answer"/> has begun; else nothing has been written to it.</returns>
    /// <exception cref="OperationCanceledException">The client is gone.</exception>
    ValueTask<InferenceError?> ServeAsync(InferenceRequest request, IAnswer answer, InferenceReport report, CancellationToken clientGone);
}
