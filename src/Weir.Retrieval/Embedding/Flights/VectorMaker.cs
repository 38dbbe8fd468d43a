using System.Numerics.Tensors;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Embedding.Caching;
using Weir.Retrieval.Embedding.Counting;
using Weir.Retrieval.Embedding.Encoders;
using Weir.Retrieval.Embedding.Routed;

namespace Weir.Retrieval.Embedding.Flights;

/// <summary>Makes the vectors of a group: from the state store where it has them, else on an encoder, or by one call to a provider.</summary>
internal sealed partial class VectorMaker
{
    /// <summary>How long somebody interactive waits for a call to a provider that was begun in the background, before it is made for them.</summary>
    public static readonly TimeSpan BackgroundPatience = TimeSpan.FromSeconds(1);

    private readonly FlightTable _table;
    private readonly VectorCache _cache;
    private readonly StoredVectors _stored;
    private readonly EmbeddingCounts _counts;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public VectorMaker(
        FlightTable table, VectorCache cache, StoredVectors stored, EmbeddingCounts counts, EncoderSettings encoders, TimeProvider time, ILogger logger)
    {
        (_table, _cache, _stored, _counts, _time, _logger) = (table, cache, stored, counts, time, logger);
        Encoders = new EncoderPool(encoders, table.TryTake, Encode, counts.Batched, time, logger);
    }

    public EncoderPool Encoders { get; }

    /// <summary>Begins, and returns as soon as it has to wait. Every flight of the group ends, whatever happens.</summary>
    public async Task MakeAsync(FlightGroup group)
    {
        try
        {
            group.Flights.ForEach(flight => flight.Own());
            if (group.Settings.Persist && _stored.Exists)
                await LookUpAsync(group);
            if (group.IsRouted)
            {
                var taken = _table.TakeAll(group);
                if (taken.Count > 0 && await AskAsync(taken, group, group.Abandoned) is { } error)
                    Fail(taken, error);
            }
            else if (_table.Waiting(group) is { Count: > 0 } waiting && Encoders.Enqueue(waiting) is { } refusal)
                Fail(waiting, refusal);
        }
        catch (OperationCanceledException) when (group.Abandoned.IsCancellationRequested)
        {
            // Nobody waits: its flights were dropped before it was cancelled.
        }
        catch (Exception e)
        {
            LogFailed(e, group.ModelName);
            Fail(group.Flights, EmbeddingErrors.Internal);
        }
    }

    /// <summary>
    /// Somebody interactive has joined calls that wait behind everybody at the gateway. What has not come after a while is asked for again, for
    /// them and at their price; whichever answer is first serves all who wait.
    /// </summary>
    /// <param name="behind">What they joined.</param>
    /// <param name="payer">Their own group.</param>
    /// <param name="ended">Ends when they wait no more.</param>
    public async Task OvertakeAsync(List<Flight> behind, FlightGroup payer, Task ended)
    {
        payer.Model.HoldAgain();
        try
        {
            await Task.WhenAny(ended, Task.Delay(BackgroundPatience, _time));
            if (ended.IsCompleted)
                return;
            foreach (var group in behind.GroupBy(flight => flight.Group))
            {
                if (_table.Overtake(group) is { Count: > 0 } flights)
                    await AskAgainAsync(flights, payer, group.Key.Abandoned);
            }
        }
        finally
        {
            payer.Model.Release();
        }
    }

    /// <summary>What waited for an encoder when those ended.</summary>
    public void Close() =>
        Fail(Encoders.Close(), new RetrievalError(503, "closing", "The embedding service is closing."));

    private async ValueTask LookUpAsync(FlightGroup group)
    {
        var flights = group.Flights;
        var keys = new VectorKey[flights.Count];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = flights[i].Key;
        var found = await _stored.FindAsync(keys, DimensionsOf(group), group.Settings.Precision, group.Abandoned);
        for (var i = 0; i < found.Length; i++)
        {
            if (found[i] is not { } vector)
                continue;
            if (group.IsRouted && group.Asked is null && !((RoutedModel)group.Model.Model).Learn(vector.Dimensions))
                continue;
            group.StoreHits++;
            _cache.Put(keys[i], vector);
            _table.Land(flights[i], new FlightOutcome(vector.ToFloats(), vector.Tokens));
        }
    }

    /// <summary>One call for flights that are taken; its error is returned, and they have not ended then.</summary>
    private async ValueTask<RetrievalError?> AskAsync(List<Flight> flights, FlightGroup payer, CancellationToken cancellationToken)
    {
        RoutedEmbeddings answer;
        while (true)
        {
            _counts.Called(flights.Count);
            // The gateway then ends in time to say what the provider said.
            var deadline = _table.DeadlineOf(payer);
            var asker = payer.Asker with { Timeout = deadline == long.MaxValue ? null : _time.GetElapsedTime(_time.GetTimestamp(), deadline) };
            answer = await ((RoutedModel)payer.Model.Model).EmbedAsync(flights.ConvertAll(flight => flight.Input), payer.Asked, asker, cancellationToken);
            // A call that failed may have been paid for in part.
            payer.Pay(answer.Tokens, answer.Cost);
            if (answer.Error is not { } error)
                break;
            // The flights belong to all who wait: one who has more time may have joined meanwhile.
            if (error.Code != EmbeddingErrors.DeadlineExceeded || _table.DeadlineOf(payer) <= deadline)
                return error;
        }

        var tokens = Shares(flights, answer.Tokens);
        for (var i = 0; i < flights.Count; i++)
            Keep(flights[i], answer.Vectors[i].ToArray(), tokens[i]);
        return null;
    }

    private async ValueTask AskAgainAsync(List<Flight> flights, FlightGroup payer, CancellationToken abandoned)
    {
        try
        {
            if (await AskAsync(flights, payer, abandoned) is null)
                return;
        }
        catch (OperationCanceledException) when (abandoned.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e)
        {
            LogFailed(e, payer.ModelName);
        }

        // The first call is still under way.
        _table.FallBack(flights);
    }

    /// <summary>On a thread of an encoder.</summary>
    private void Encode(Flight flight)
    {
        try
        {
            var model = (ILocalModel)flight.Group.Model.Model;
            var whole = new float[model.FewestDimensions is null ? model.Dimensions : flight.Group.Dimensions];
            var tokens = model.Embed(flight.Input, whole);
            if (!PackedVector.IsFinite(whole))
                throw new InvalidOperationException("The model gave what is no number.");
            flight.Group.Pay(tokens, 0);
            Keep(flight, flight.Group.Dimensions < whole.Length ? Shorten(whole, flight.Group.Dimensions) : whole, tokens);
        }
        catch (RegexMatchTimeoutException)
        {
            Fail([flight], EmbeddingErrors.TooTangled(flight.Group.ModelName));
        }
        catch (Exception e)
        {
            LogInputFailed(e, flight.Group.ModelName, flight.InputBytes);
            Fail([flight], EmbeddingErrors.Failed(flight.Group.ModelName));
        }
    }

    private void Keep(Flight flight, float[] vector, int tokens)
    {
        var kept = KeptVector.Of(vector, tokens, flight.Group.Settings.Precision);
        _cache.Put(flight.Key, kept);
        if (flight.Group.Settings.Persist)
            _stored.Keep(flight.Key, kept);
        _table.Land(flight, new FlightOutcome(vector, tokens));
    }

    private void Fail(List<Flight> flights, RetrievalError error)
    {
        // Landing the last one may end what the list belongs to, and nobody adds to it any more.
        for (var i = 0; i < flights.Count; i++)
            _table.Land(flights[i], new FlightOutcome(default, 0, error));
    }

    private static int DimensionsOf(FlightGroup group) => group.Dimensions != 0 ? group.Dimensions : group.Model.Model.Dimensions;

    /// <summary>The beginning of a unit vector, brought to unit length again.</summary>
    private static float[] Shorten(float[] whole, int dimensions)
    {
        var vector = whole[..dimensions];
        var norm = TensorPrimitives.Norm<float>(vector);
        if (norm > 0)
            TensorPrimitives.Divide(vector, norm, vector);
        return vector;
    }

    /// <summary>A call's tokens over its inputs by their length, none lost: the differences of the rounded running sums.</summary>
    private static int[] Shares(List<Flight> flights, int tokens)
    {
        var shares = new int[flights.Count];
        var total = flights.Sum(flight => (long)flight.Cost);
        var (sum, given) = (0L, 0L);
        for (var i = 0; i < shares.Length; i++)
        {
            sum += flights[i].Cost;
            var until = total == 0 ? 0 : (long)((Int128)tokens * sum / total);
            shares[i] = (int)(until - given);
            given = until;
        }

        return shares;
    }

    [LoggerMessage(EventName = "EmbeddingInputFailed", Level = LogLevel.Warning, Message = "The embedding model {Model} failed on an input of {Bytes} bytes.")]
    private partial void LogInputFailed(Exception exception, string model, int bytes);

    [LoggerMessage(EventName = "EmbeddingGroupFailed", Level = LogLevel.Error, Message = "Making embeddings with {Model} failed.")]
    private partial void LogFailed(Exception exception, string model);
}
