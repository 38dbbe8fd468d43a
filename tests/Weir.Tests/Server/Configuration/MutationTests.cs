using System.Text;
using Weir.Server.Configuration;
using static Weir.Tests.Server.Configuration.Loading;

namespace Weir.Tests.Server.Configuration;

/// <summary>Whatever is done to a file, loading it ends with an answer, and no answer shows a secret.</summary>
public sealed class MutationTests
{
    private const string Secret = "CANARY";

    private const string Whole = """
        {
          "server": { "url": "http://127.0.0.1:7800", "drain": "30s", "max_body": "32MB" },
          "state": "redis://:CANARY@host/0",
          "providers": {
            "a": { "preset": "openai", "api_key": "CANARY", "headers": { "x-key": "CANARY" } },
            "b": { "base_url": "http://u:CANARY@b/v1", "api_keys": ["CANARY", "${KEY}"], "limits": { "queue": "${KEY}" } },
            "c": { "preset": "groq", "api_key": "${KEY}", "dialect": "${KEY}", "timeouts": { "idle": "${KEY}" } },
          },
          "routes": { "r": { "deployments": [ { "provider": "a", "model": "m" }, { "provider": "b", "model": "n", "weight": 2.5 } ] } },
        }
        """;

    [Fact]
    public void Load_MutatedFile_EndsAndShowsNoSecret()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var environment = Env(("KEY", Secret + Secret), ("WEIR__PROVIDERS__D__API_KEY", Secret), ("WEIR__PROVIDERS__E__API_KEY__X", Secret));
        for (var round = 0; round < 3_000; round++)
        {
            var text = Encoding.UTF8.GetBytes(Whole).ToList();
            for (var change = random.Next(1, 6); change > 0; change--)
            {
                Mutate(text, random);
            }

            var loaded = ConfigurationLoader.Load(Sources(environment), [.. text]);

            foreach (var fault in loaded.Faults.Concat(loaded.Warnings))
            {
                var shown = fault.Message + fault.Remedy;
                shown.ShouldNotContain(Secret, Case.Sensitive, $"seed {seed}, round {round}");
            }
        }
    }

    /// <summary>Structure is what is broken: quotes, braces, values; never the secret itself.</summary>
    private static void Mutate(List<byte> text, Random random)
    {
        var at = random.Next(text.Count);
        if (char.IsAsciiLetter((char)text[at]))
        {
            return;
        }

        switch (random.Next(4))
        {
            case 0:
                text.RemoveAt(at);
                break;
            case 1:
                text.Insert(at, (byte)"{}[]\",:/*1n\\\n"[random.Next(13)]);
                break;
            case 2:
                text[at] = (byte)random.Next(256);
                break;
            default:
                text.RemoveRange(at, Math.Min(text.Count - at, random.Next(40)));
                break;
        }

        if (text.Count == 0)
        {
            text.Add((byte)'{');
        }
    }
}
