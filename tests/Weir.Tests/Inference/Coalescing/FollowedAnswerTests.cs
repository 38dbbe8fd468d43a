using System.Buffers;
using System.IO.Pipelines;
using Weir.Inference;
using Weir.Inference.Coalescing;
using Weir.Inference.Relay;
using Weir.Tests.Flow;

namespace Weir.Tests.Inference.Coalescing;

public sealed class FollowedAnswerTests
{
    private readonly FollowedAnswer _answer = new();

    [Fact]
    public Task Copy_ManyFollowersAtRandomMoments_EachSeesEveryByteInOrder() => RandomSchedule.RunAsync(20, async random =>
    {
        var answer = new FollowedAnswer();
        var sent = new byte[random.Next(1, 300_000)];
        random.NextBytes(sent);
        var following = new List<Task<byte[]>>();
        answer.Begin(new AnswerHead(200, null, null, new InferenceReport()));
        for (var at = 0; at < sent.Length;)
        {
            if (random.Next(3) == 0)
            {
                following.Add(CopyAsync(answer, answer.TryFollow()!));
            }

            var piece = Math.Min(random.Next(1, 30_000), sent.Length - at);
            answer.Body.Write(sent.AsSpan(at, piece));
            await answer.Body.FlushAsync();
            at += piece;
        }

        following.Add(CopyAsync(answer, answer.TryFollow()!));
        answer.End();
        foreach (var seen in await Task.WhenAll(following))
        {
            seen.SequenceEqual(sent).ShouldBeTrue();
        }

        answer.ToArray()!.SequenceEqual(sent).ShouldBeTrue();
    });

    [Fact]
    public void Flush_PastWhatIsKept_WaitsForTheSlowestAndTakesNobodyMore()
    {
        var follower = _answer.TryFollow()!;
        _answer.Begin(new AnswerHead(200, null, null, new InferenceReport()));
        var piece = new byte[1 << 20];
        for (var i = 0; i < 16; i++)
        {
            _answer.Body.Write(piece);
            _answer.Body.FlushAsync().AsTask().IsCompleted.ShouldBeTrue();
        }

        _answer.TryFollow().ShouldNotBeNull();
        _answer.Body.Write(piece);
        var flushing = _answer.Body.FlushAsync().AsTask();
        flushing.IsCompleted.ShouldBeFalse();
        _answer.TryFollow().ShouldBeNull();
        _answer.ToArray().ShouldBeNull();
    }

    [Fact]
    public async Task Flush_WhoeverIsBehindLeavesOrReads_GoesOn()
    {
        var slow = _answer.TryFollow()!;
        var quick = _answer.TryFollow()!;
        _answer.Begin(new AnswerHead(200, null, null, new InferenceReport()));
        _answer.Body.Write(new byte[17 << 20]);
        var flushing = _answer.Body.FlushAsync().AsTask();
        var copying = CopyAsync(_answer, quick);
        flushing.IsCompleted.ShouldBeFalse();
        _answer.Leave(slow);
        await flushing.WaitAsync(TimeSpan.FromSeconds(30));
        _answer.End();
        (await copying).Length.ShouldBe(17 << 20);
    }

    [Fact]
    public async Task Begun_EndedWithout_IsToldAndNothingBeginsLater()
    {
        var begun = _answer.BegunAsync();
        _answer.End();
        await begun;
        _answer.Begin(new AnswerHead(200, null, null, new InferenceReport()));
        _answer.Head.ShouldBeNull();
    }

    private static async Task<byte[]> CopyAsync(FollowedAnswer answer, Follower follower)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        (await answer.CopyAsync(follower, pipe.Writer, CancellationToken.None)).ShouldBeTrue();
        await pipe.Writer.CompleteAsync();
        var read = await pipe.Reader.ReadAsync();
        return read.Buffer.ToArray();
    }
}
