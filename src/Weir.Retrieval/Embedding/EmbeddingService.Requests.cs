using Weir.Retrieval.Embedding.Caching;
using Weir.Retrieval.Embedding.Counting;
using Weir.Retrieval.Embedding.Flights;
using Weir.Retrieval.Embedding.Loading;

namespace Weir.Retrieval.Embedding;

/// <content>One request.</content>
public sealed partial class EmbeddingService
{
    private static readonly TimeSpan UsualTimeout = TimeSpan.FromMinutes(10);

    /// <summary>How often one that joined others is sent on its own after those were refused for reasons of their own.</summary>
    private const int MostRounds = 4;

    /// <summary>What is known is answered at once, without a task and without a copy.</summary>
    private ValueTask<EmbeddingResult> Embed(LoadedModel model, EmbeddingRequest request, CancellationToken cancellationToken)
    {
        var isRouted = model.Options.Kind == EmbeddingModelKind.Route;
        var client = _clients.Of(request.Asker);
        if (InputChecks.Fault(model.Model, isRouted, request) is { } fault)
        {
            model.Release();
            _counts.Failed(request.Inputs.Count);
            return new(new EmbeddingResult { Error = fault });
        }

        var settings = EmbeddingSettings.Of(model.Options, _cacheOptions);
        var dimensions = request.Dimensions ?? (isRouted ? 0 : model.Model.Dimensions);
        var length = isRouted && request.Dimensions is null ? model.Model.Dimensions : 0;
        var now = client.LastSeen;
        var vectors = new ReadOnlyMemory<float>[request.Inputs.Count];
        var tokens = 0;
        List<(int Place, VectorKey Key)>? missing = null;
        for (var i = 0; i < vectors.Length; i++)
        {
            var key = model.Keys.Of(dimensions, request.Inputs[i]);
            _calls.Note(client, key, now);
            if (_cache.TryGet(key, settings.Precision, length, out var kept))
            {
                if (isRouted)
                    length = kept.Dimensions;
                vectors[i] = kept.ToFloats();
                tokens += kept.Tokens;
            }
            else
            {
                (missing ??= []).Add((i, key));
            }
        }

        var part = new PartialAnswer(request, vectors, tokens, client);
        if (missing is not null)
            return GatherAsync(part, missing, model, settings, dimensions, cancellationToken);
        model.Release();
        return new(Finish(part, model, new RequestCount(vectors.Length, vectors.Length, 0, 0, tokens), 0, 0));
    }

    /// <summary>Waits for what is not known: made for this request, or already being made for others. Releases the model.</summary>
    private async ValueTask<EmbeddingResult> GatherAsync(
        PartialAnswer part, List<(int Place, VectorKey Key)> missing, LoadedModel model, EmbeddingSettings settings, int dimensions, CancellationToken cancellationToken)
    {
        var asker = part.Request.Asker;
        var timeout = asker.Timeout ?? UsualTimeout;
        var started = _time.GetTimestamp();
        var deadline = asker.Timeout is { } given ? started + (long)(given.TotalSeconds * _time.TimestampFrequency) : long.MaxValue;
        var answered = false;
        var (paid, cost) = (0L, 0.0);
        FlightGroup? unsettled = null;
        try
        {
            var (misses, slots) = Distinct(part.Request, missing);
            for (var round = 1; ; round++)
            {
                var gathering = new Gathering(misses.Count, asker, deadline);
                var group = new FlightGroup(model, part.Request.Model, dimensions, part.Request.Dimensions, settings, asker, deadline);
                unsettled = group;
                var boarding = Depart(gathering, misses, group);
                try
                {
                    var left = timeout - _time.GetElapsedTime(started);
                    await gathering.Task.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _time, cancellationToken);
                }
                catch (TimeoutException)
                {
                    return new EmbeddingResult { Error = EmbeddingErrors.Late(timeout), Revision = model.Model.Revision };
                }
                finally
                {
                    _flights.Leave(gathering);
                    gathering.TrySetResult();
                }

                var bill = group.Settle();
                (paid, cost) = (paid + bill.Tokens, cost + bill.Cost);
                unsettled = null;
                if (gathering.Failure is { } failure)
                {
                    if (round < MostRounds && IsOfAnother(failure, group))
                        continue;
                    return new EmbeddingResult { Error = failure.Error, Revision = model.Model.Revision, PaidTokens = Clamp(paid), Cost = cost };
                }

                var tokens = part.Tokens;
                for (var i = 0; i < missing.Count; i++)
                {
                    var outcome = gathering.Outcomes[slots[i]];
                    part.Vectors[missing[i].Place] = outcome.Vector;
                    tokens += outcome.Tokens;
                }

                if (!Array.TrueForAll(part.Vectors, vector => vector.Length == part.Vectors[0].Length))
                    return new EmbeddingResult { Error = EmbeddingErrors.LengthChanged(part.Request.Model), Revision = model.Model.Revision, PaidTokens = Clamp(paid), Cost = cost };
                answered = true;
                var hits = part.Vectors.Length - missing.Count + boarding.Hits + group.StoreHits;
                var joined = boarding.Joined + missing.Count - misses.Count;
                return Finish(part, model, new RequestCount(part.Vectors.Length, hits, group.StoreHits, joined, tokens), paid, cost);
            }
        }
        finally
        {
            // Late, or gone: there is no result that says what was paid.
            if (unsettled?.Settle() is { } left)
                unsettled.Owe(paid + left.Tokens, cost + left.Cost);
            if (!answered)
                _counts.Failed(part.Vectors.Length);
            model.Release();
        }
    }

    /// <summary>Enters the misses among the flights, and begins those that nobody has begun.</summary>
    private Boarding Depart(Gathering gathering, List<Missing> misses, FlightGroup group)
    {
        // The group's own hold, until its last flight has landed.
        group.Model.HoldAgain();
        var boarding = _flights.Board(gathering, misses, group);
        if (boarding.Hurried is { } hurried)
            _maker.Encoders.Hurry(hurried);
        if (boarding.Behind is { } behind)
            _ = _maker.OvertakeAsync(behind, group, gathering.Task);
        if (group.Flights.Count == 0)
            group.Close();
        else
            _ = _maker.MakeAsync(group);
        return boarding;
    }

    private EmbeddingResult Finish(in PartialAnswer part, LoadedModel model, in RequestCount count, long paid, double cost)
    {
        _counts.Answered(count);
        part.Client.Answered(count);
        return new EmbeddingResult
        {
            Vectors = part.Vectors,
            Revision = model.Model.Revision,
            Tokens = count.Tokens,
            Hits = count.Hits,
            Joined = count.Joined,
            IsOfProvider = model.Options.Kind == EmbeddingModelKind.Route,
            PaidTokens = Clamp(paid),
            Cost = cost,
        };
    }

    /// <summary>Each missing vector once, and which of them each missing input is.</summary>
    private static (List<Missing> Misses, int[] Slots) Distinct(EmbeddingRequest request, List<(int Place, VectorKey Key)> missing)
    {
        var misses = new List<Missing>(missing.Count);
        var slots = new int[missing.Count];
        if (missing.Count == 1)
        {
            misses.Add(new Missing(0, missing[0].Key, request.Inputs[missing[0].Place]));
            return (misses, slots);
        }

        var known = new Dictionary<VectorKey, int>(missing.Count);
        for (var i = 0; i < slots.Length; i++)
        {
            var (place, key) = missing[i];
            if (!known.TryGetValue(key, out var slot))
            {
                known.Add(key, slot = misses.Count);
                misses.Add(new Missing(slot, key, request.Inputs[place]));
            }

            slots[i] = slot;
        }

        return (misses, slots);
    }

    /// <summary>
    /// Whether it says nothing of this request: a refusal of whoever began the work (its key, its budget, its limits), or one of what else stood in that
    /// call, which one bad input is enough for.
    /// </summary>
    private static bool IsOfAnother(FlightFailure failure, FlightGroup own) => failure.Error.Status switch
    {
        _ when failure.Group == own || failure.Error.Code == EmbeddingErrors.Overloaded => false,
        400 or 413 or 422 => true,
        // Of whoever had less time; the wait itself says when this request's is over.
        504 => failure.Error.Code == EmbeddingErrors.DeadlineExceeded,
        401 or 402 or 403 or 404 or 429 => failure.Group.Asker.Tenant != own.Asker.Tenant || failure.Group.Asker.Client != own.Asker.Client,
        _ => false,
    };

    private static int Clamp(long tokens) => (int)Math.Min(int.MaxValue, tokens);

    /// <summary>An answer under way.</summary>
    private readonly record struct PartialAnswer(EmbeddingRequest Request, ReadOnlyMemory<float>[] Vectors, int Tokens, ClientCounts Client);
}
