using Weir.Inference.Providers;

namespace Weir.Tests.Inference.Providers;

public sealed class ProviderModelTests
{
    [Fact]
    public void Resolve_Preset_StartsAtItsFigureAndMayGrowEightfold()
    {
        var model = ProviderModel.Resolve("g", new ProviderOptions { Preset = "groq" });

        model.BaseUrl.ShouldBe("https://api.groq.com/openai/v1");
        model.Limits.StartConcurrency.ShouldBe(20);
        model.Limits.MaxConcurrency.ShouldBe(160);
        model.Limits.LatencyTarget.ShouldBe(TimeSpan.FromSeconds(1));
        model.FirstByteTimeout.ShouldBe(TimeSpan.FromSeconds(30));
        model.FirstByteIsExplicit.ShouldBeFalse();
    }

    [Fact]
    public void Resolve_WithoutPreset_StartsAtItsCap()
    {
        var model = ProviderModel.Resolve("x", new ProviderOptions { BaseUrl = "http://127.0.0.1:8000/v1/", Limits = new LimitOptions { MaxConcurrency = 7 } });

        model.BaseUrl.ShouldBe("http://127.0.0.1:8000/v1");
        model.Limits.StartConcurrency.ShouldBe(7);
        model.Limits.MaxConcurrency.ShouldBe(7);
    }

    [Fact]
    public void Resolve_WhatIsWritten_WinsOverThePreset()
    {
        var model = ProviderModel.Resolve("o", new ProviderOptions
        {
            Preset = "openai",
            BaseUrl = "http://127.0.0.1:1/v1",
            Timeouts = new TimeoutOptions { FirstByte = TimeSpan.FromSeconds(5) },
            Limits = new LimitOptions { StartConcurrency = 4 },
        });

        model.BaseUrl.ShouldBe("http://127.0.0.1:1/v1");
        model.FirstByteTimeout.ShouldBe(TimeSpan.FromSeconds(5));
        model.FirstByteIsExplicit.ShouldBeTrue();
        model.Limits.MaxConcurrency.ShouldBe(32);
    }
}
