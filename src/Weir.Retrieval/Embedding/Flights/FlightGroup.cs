using Weir.Retrieval.Embedding.Loading;

namespace Weir.Retrieval.Embedding.Flights;

/// <summary>The vectors that one request has to make itself: looked up together, and for a model of a provider one call.</summary>
internal sealed class FlightGroup(LoadedModel model, string modelName, int dimensions, int? asked, EmbeddingSettings settings, EmbeddingAsker asker, long deadline)
{
    private readonly Lock _paying = new();
    private bool _isSettled;
    private long _paidTokens;
    private double _cost;

    /// <summary>It has neither timer nor link, so there is nothing in it to dispose.</summary>
    private CancellationTokenSource Abandoning { get; } = new();

    /// <summary>Held until the last of <see cref="Flights"/> has landed.</summary>
    public LoadedModel Model => model;

    public string ModelName => modelName;

    /// <summary>What the vectors are to have; 0 where that is not known.</summary>
    public int Dimensions => dimensions;

    /// <summary>As the request has it.</summary>
    public int? Asked => asked;

    /// <summary>What vectors of a provider's model are known to have where nobody asked for a length; 0: any.</summary>
    public int Length => IsRouted && asked is null ? model.Model.Dimensions : 0;

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

    /// <summary>The latest of all who have waited for any of it, a timestamp; <see cref="long.MaxValue"/>: the route's. Guarded likewise.</summary>
    public long Deadline { get; set; } = deadline;

    /// <summary>Cancelled when nobody waits for any of it.</summary>
    public CancellationToken Abandoned => Abandoning.Token;

    /// <summary>Inputs that the state store had. Final once every flight has landed.</summary>
    public int StoreHits { get; set; }

    /// <summary>On the bill of whoever began it; they owe what comes after they took it.</summary>
    public void Pay(long tokens, double cost)
    {
        lock (_paying)
        {
            if (!_isSettled)
            {
                (_paidTokens, _cost) = (_paidTokens + tokens, _cost + cost);
                return;
            }
        }

        Owe(tokens, cost);
    }

    /// <summary>Takes the bill so far.</summary>
    public (long Tokens, double Cost) Settle()
    {
        lock (_paying)
        {
            _isSettled = true;
            return (_paidTokens, _cost);
        }
    }

    public void Owe(long tokens, double cost)
    {
        if (tokens > 0 || cost > 0)
            asker.Owes?.Invoke((int)Math.Min(int.MaxValue, tokens), cost);
    }

    public void Abandon() => Abandoning.Cancel();

    /// <summary>Nothing of it is open any more.</summary>
    public void Close() => model.Release();
}
