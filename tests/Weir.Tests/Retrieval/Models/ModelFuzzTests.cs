using System.Text;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Models;
using Weir.Retrieval.Models.Static;
using Weir.Tests.Retrieval.Support;

namespace Weir.Tests.Retrieval.Models;

/// <summary>Broken files: each is loaded, and then works, or is refused with a sentence. Nothing else may come of it.</summary>
public sealed class ModelFuzzTests : IDisposable
{
    private const string Unigram = """
        {"version":"1.0","added_tokens":[{"id":0,"content":"<unk>","special":true}],
         "normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]},
         "pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"},
         "model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["▁a",-1.5],["b",-2.25],["▁",-3.0]],"byte_fallback":true}}
        """;

    private const string BytePair = """
        {"added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
         "model":{"type":"BPE","dropout":null,"unk_token":null,"vocab":{"Ġ":0,"a":1,"b":2,"ab":3},"merges":["a b"],"ignore_merges":true}}
        """;

    private readonly string _folder = Path.Combine(Path.GetTempPath(), "weir-fuzz-" + Guid.NewGuid().ToString("N"));
    private readonly byte[] _weights = new SafetensorsWriter()
        .Add("embeddings", [1, 2, 3, 4, 5, 6], 3, 2).Add("weights", [1, 2, 3, 4], 4).Add<long>("mapping", "I64", [0, 1, 2, 0], 4).ToArray();

    public ModelFuzzTests() => Directory.CreateDirectory(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Load_SafetensorsTruncatedAnywhere_IsRefused()
    {
        File.WriteAllText(Tokenizer, Unigram);
        for (var length = 0; length < _weights.Length; length++)
        {
            File.WriteAllBytes(Weights, _weights[..length]);
            Should.Throw<ModelLoadException>(() => StaticModel.Load(_folder), $"{length} bytes").Message.ShouldStartWith(Weights);
        }

        File.WriteAllBytes(Weights, _weights);
        LoadsOrRefuses("whole").ShouldBeTrue();
    }

    [Theory]
    [InlineData(Unigram)]
    [InlineData(BytePair)]
    public void Load_TokenizerTruncatedAnywhere_IsRefused(string tokenizer)
    {
        File.WriteAllBytes(Weights, _weights);
        var bytes = Encoding.UTF8.GetBytes(tokenizer);
        for (var length = 0; length < bytes.Length; length++)
        {
            File.WriteAllBytes(Tokenizer, bytes[..length]);
            Should.Throw<ModelLoadException>(() => StaticModel.Load(_folder), $"{length} bytes").Message.ShouldStartWith(Tokenizer);
        }

        File.WriteAllBytes(Tokenizer, bytes);
        LoadsOrRefuses("whole").ShouldBeTrue();
    }

    [Fact]
    public void Load_SafetensorsWithFlippedBytes_LoadsOrIsRefused()
    {
        const int Seed = 4_711;
        File.WriteAllText(Tokenizer, Unigram);
        Flip(_weights, Weights, Seed).ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData(Unigram, 4_712)]
    [InlineData(BytePair, 4_713)]
    public void Load_TokenizerWithFlippedBytes_LoadsOrIsRefused(string tokenizer, int seed)
    {
        File.WriteAllBytes(Weights, _weights);
        Flip(Encoding.UTF8.GetBytes(tokenizer), Tokenizer, seed).ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Load_PrecompiledMapOfNoise_LoadsOrIsRefused()
    {
        const int Seed = 4_714;
        var random = new Random(Seed);
        File.WriteAllBytes(Weights, _weights);
        for (var round = 0; round < 300; round++)
        {
            var map = new byte[random.Next(4, 2_000)];
            random.NextBytes(map);
            BitConverter.TryWriteBytes(map, random.Next(map.Length) / 4 * 4);
            File.WriteAllText(Tokenizer, Unigram.Replace("""{"type":"NFKC"}""", $$"""{"type":"Precompiled","precompiled_charsmap":"{{Convert.ToBase64String(map)}}"}"""));
            LoadsOrRefuses($"seed {Seed}, round {round}");
        }
    }

    private string Weights => Path.Combine(_folder, "model.safetensors");

    private string Tokenizer => Path.Combine(_folder, "tokenizer.json");

    /// <summary>How many of the broken files still loaded.</summary>
    private int Flip(byte[] valid, string path, int seed)
    {
        var random = new Random(seed);
        var loaded = 0;
        for (var round = 0; round < 700; round++)
        {
            var bytes = valid.ToArray();
            for (var flips = 1 + random.Next(3); flips > 0; flips--)
                bytes[random.Next(bytes.Length)] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)"0123456789{}[]\",:-eE"[random.Next(20)];
            File.WriteAllBytes(path, bytes);
            if (LoadsOrRefuses($"seed {seed}, round {round}"))
                loaded++;
        }

        return loaded;
    }

    private bool LoadsOrRefuses(string which)
    {
        try
        {
            using var model = StaticModel.Load(_folder);
            var vector = new float[model.Dimensions];
            foreach (var text in new[] { "", "a b  ab", "é漢👩‍👩‍👧\r\n", "\u0301A\u0301" })
            {
                model.Embed(EmbeddingInput.OfText(text), vector);
                var length = Math.Sqrt(vector.Sum(v => (double)v * v));
                (length == 0 || Math.Abs(length - 1) < 1e-5).ShouldBeTrue($"{which}: length {length}");
            }

            return true;
        }
        catch (ModelLoadException refused)
        {
            refused.Message.ShouldStartWith(_folder, Case.Sensitive, which);
            return false;
        }
    }
}
