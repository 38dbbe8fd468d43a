using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Caching;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Caching;

public sealed class LocalAnswersTests : IDisposable
{
    private static readonly TimeSpan Ttl = TimeSpan.FromMinutes(10);

    private readonly ManualTimeProvider _time = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly CacheMetrics _metrics;
    private readonly LocalAnswers _answers;

    public LocalAnswersTests()
    {
        _metrics = new CacheMetrics(_services.GetRequiredService<IMeterFactory>());
        _answers = new LocalAnswers(_time, _metrics);
    }

    public void Dispose()
    {
        _metrics.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void Find_WithinItsTime_GivesIt_AndAfterItNothing()
    {
        _answers.Keep(Key(1), Answer(10), Ttl);
        _time.Advance(Ttl - TimeSpan.FromTicks(1));
        _answers.Find(Key(1)).ShouldNotBeNull();
        _time.Advance(TimeSpan.FromTicks(1));
        _answers.Find(Key(1)).ShouldBeNull();
        (_answers.Bytes, _answers.Count).ShouldBe((0, 0));
    }

    [Fact]
    public void Find_AfterTheCalendarJumped_StillGivesIt()
    {
        _answers.Keep(Key(1), Answer(10), Ttl);
        _time.JumpUtc(TimeSpan.FromDays(3));
        _answers.Find(Key(1)).ShouldNotBeNull();
    }

    [Fact]
    public void Keep_PastTheBound_LetsTheLeastRecentlyUsedGo()
    {
        Bound(answers: 16);
        for (var i = 0; i < 16; i++)
        {
            _answers.Keep(Key(i), Answer(100), Ttl);
        }

        _answers.Find(Key(0)).ShouldNotBeNull();
        _answers.Keep(Key(16), Answer(100), Ttl);
        _answers.Find(Key(0)).ShouldNotBeNull();
        _answers.Find(Key(1)).ShouldBeNull();
        _answers.Count.ShouldBe(16);
    }

    [Fact]
    public void Keep_LargerThanOneMayBe_IsNotKept_AndTheOldOneGoes()
    {
        Bound(answers: 16);
        _answers.Keep(Key(1), Answer(100), Ttl);
        _answers.Keep(Key(1), Answer(101), Ttl);
        _answers.Find(Key(1)).ShouldBeNull();
        _answers.Bytes.ShouldBe(0);
    }

    [Fact]
    public void Reconfigure_Smaller_LetsGoAtOnce()
    {
        Bound(answers: 32);
        for (var i = 0; i < 32; i++)
        {
            _answers.Keep(Key(i), Answer(100), Ttl);
        }

        Bound(answers: 16);
        _answers.Count.ShouldBe(16);
        _answers.Find(Key(31)).ShouldNotBeNull();
    }

    [Fact]
    public void Random_WhateverHappens_BytesAreExactAndBounded() => RandomSchedule.Run(50, random =>
    {
        // What the schedule before left is gone.
        _time.Advance(Ttl);
        Bound(answers: 20);
        var sizes = new Dictionary<int, int>();
        for (var i = 0; i < 500; i++)
        {
            var name = random.Next(60);
            switch (random.Next(4))
            {
                case 0:
                    _time.Advance(TimeSpan.FromMinutes(random.Next(3)));
                    break;
                case 1:
                    if (_answers.Find(Key(name)) is { } found)
                    {
                        found.Body.Length.ShouldBe(sizes[name]);
                    }

                    break;
                default:
                    sizes[name] = random.Next(90);
                    _answers.Keep(Key(name), Answer(sizes[name]), Ttl);
                    break;
            }

            _answers.Bytes.ShouldBeLessThanOrEqualTo(_answers.Settings.MaxBytes);
        }

        var held = Enumerable.Range(0, 60).Where(name => _answers.Find(Key(name)) is not null).Sum(name => Cost(sizes[name]));
        _answers.Bytes.ShouldBe(held);
    });

    private static AnswerKey Key(int i) => new(i, 0, 0, 0);

    private static KeptAnswer Answer(int length) => new("application/json", false, new byte[length]);

    private static long Cost(int length) => LocalAnswers.Overhead + length + 32;

    private void Bound(int answers) => _answers.Reconfigure(new CacheSettings(Ttl, answers * Cost(100), IsDefault: false));
}
