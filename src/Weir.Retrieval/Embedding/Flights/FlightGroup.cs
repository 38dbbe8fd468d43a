using Weir.Retrieval.Embedding.Loading;

namespace Weir.Retrieval.Embedding.Flights;

/// <summary>The vectors that one request has to make itself: looked up together, and for a model of a provider one call.</summary>
internal sealed class FlightGroup(LoadedModel model, string modelName, int dimensions, int? asked, EmbeddingSettings settings, EmbeddingAsker asker)
{
    private readonly Lock _paying = new();

    /// <summary>It has neither timer nor link, so there is nothing in it to dispose.</summary>
    private CancellationTokenSource Abandoning { get; } = new();

    /// <summary>Held until the last of <see cref="Flights"/> has landed.</summary>
    public LoadedModel Model => model;

    public string ModelName => modelName;

    /// <summary>What the vectors are to have; 0 where that is not known.</summary>
    public int Dimensions => dimensions;

    /// <summary>As the request has it.</summary>
    public int? Asked => asked;

    /// <summary>How they are kept.</summary>
    public EmbeddingSettings Settings => settings;

    public EmbeddingAsker Asker => asker;

    /// <summary>Whether work under way can be called back.</summary>
    public bool IsRouted => model.Options.Kind == EmbeddingModelKind.Route;

    public List<Flight> Flights { get; } = [];

    /// <summary>Flights that have neither landed nor been dropped; guarded by the <see cref="FlightTable"/>, as is <see cref="Wanted"/>.</summary>
    public int Open { get; set; }

    /// <summary>Of those, the ones that anybody waits for.</summary>
    public int Wanted { get; set; }

    /// <summary>Cancelled when nobody waits for any of it.</summary>
    public CancellationToken Abandoned => Abandoning.Token;

    /// <summary>Inputs that the state store had. Final once every flight has landed, as are the next two.</summary>
    public int StoreHits { get; set; }

    public long PaidTokens { get; private set; }

    public double Cost { get; private set; }

    public void Pay(long tokens, double cost)
    {
        lock (_paying)
            (PaidTokens, Cost) = (PaidTokens + tokens, Cost + cost);
    }

    public void Abandon() => Abandoning.Cancel();

    /// <summary>Nothing of it is open any more.</summary>
    public void Close() => model.Release();
}
