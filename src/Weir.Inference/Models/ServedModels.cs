using Weir.Inference.Requests;

namespace Weir.Inference.Models;

/// <summary>All that this server serves itself, whoever brings it.</summary>
internal sealed class ServedModels(IEnumerable<IServedModels> sources)
{
    private readonly IServedModels[] _sources = [.. sources];

    public IEnumerable<string> Names => _sources.SelectMany(static source => source.Names).Distinct(StringComparer.Ordinal);

    public IServedModel? Find(string name)
    {
        foreach (var source in _sources)
        {
            if (source.Find(name) is { } model)
            {
                return model;
            }
        }

        return null;
    }

    /// <summary>Why a model does not serve an operation; null where it does.</summary>
    public static InferenceError? Refuse(IServedModel model, Operation operation) =>
        model.Operations.Contains(operation) ? null : new InferenceError(
            422,
            "operation_not_served",
            $"'{model.Name}' is {model.Kind}: it serves {string.Join(", ", model.Operations.Select(static served => "/v1" + served.Path))}, not /v1{operation.Path}. GET /v1/models lists what there is.")
        {
            Param = "model",
            ShouldRetry = false,
        };
}
