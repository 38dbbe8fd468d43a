using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference.Caching;
using Weir.Inference.Requests;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Caching;

public sealed class CacheableRequestTests : IAsyncLifetime
{
    private const string Chat = """{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":1,"b":[true,null]}]}""";

    private ScriptedUpstream _upstream = null!;
    private GatewayHarness _gateway = null!;

    public ValueTask InitializeAsync()
    {
        _upstream = new ScriptedUpstream();
        _gateway = new GatewayHarness(GatewayHarness.Route(_upstream));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Theory]
    [InlineData("""{ "temperature" : 0.0, "tools":[{"b":[true, null],"a":1.0}], "messages":[{"content":"hi \u00e9","role":"user"}],"model":"fast" }""")]
    [InlineData("""{"model":"fast","messages":[{"role":"\u0075ser","content":"hi é"}],"temperature":-0e1,"tools":[{"a":10e-1,"b":[true,null]}]}""")]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":1,"b":[true,null]}],"stream":false,"user":"me","metadata":{"a":"b"}}""")]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":1,"b":[true,null]}],"safety_identifier":"me","prompt_cache_key":"k"}""")]
    public void Read_SameMeaning_IsSameKey(string other) => KeyOf(other).ShouldBe(KeyOf(Chat));

    [Theory]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi e"}],"temperature":0,"tools":[{"a":1,"b":[true,null]}]}""")]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":1,"b":[null,true]}]}""")]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":"1","b":[true,null]}]}""")]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":1,"b":[true]}]}""")]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":1,"b":[true,null]}],"stream":true}""")]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":1,"b":[true,null],"user":"x"}]}""")]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":"hi é"}],"temperature":0,"tools":[{"a":1,"b":[true,null]}],"seed":9007199254740993}""")]
    public void Read_OtherMeaning_IsOtherKey(string other) => KeyOf(other).ShouldNotBe(KeyOf(Chat));

    [Theory]
    [InlineData("9007199254740993", "9007199254740992")]
    [InlineData("1e400", "1e401")]
    [InlineData("0.1", "0.10000000000000001")]
    [InlineData("-1", "1")]
    [InlineData("1e99999999999", "1e99999999998")]
    public void Read_NumbersThatAreEqualOnlyAsDoubles_AreOtherKeys(string one, string other) => KeyOf(Seed(one)).ShouldNotBe(KeyOf(Seed(other)));

    [Theory]
    [InlineData("100", "1e2")]
    [InlineData("0.50", "5E-1")]
    [InlineData("120.0", "12e+1")]
    public void Read_SpellingsOfOneNumber_AreOneKey(string one, string other) => KeyOf(Seed(one)).ShouldBe(KeyOf(Seed(other)));

    [Fact]
    public void Read_TextsThatAreNoText_AreKeptApart()
    {
        KeyOf(Seed("""["\ud800"]""")).ShouldNotBe(KeyOf(Seed("""["\ud801"]""")));
        KeyOf(Seed("""{"\ud800":1}""")).ShouldNotBe(KeyOf(Seed("""{"\ud801":1}""")));
        KeyOf(Seed("""{"a":1,"a":2}""")).ShouldNotBe(KeyOf(Seed("""{"a":2,"a":1}""")));
    }

    [Fact]
    public void Read_OtherTenantOperationOrHeader_IsOtherKey()
    {
        var keys = new[]
        {
            KeyOf(Chat), KeyOf(Chat, tenant: "u"), KeyOf(Chat, Operation.Messages), KeyOf(Chat, beta: "x"), KeyOf(Chat, version: "2023-06-01"),
        };
        keys.Distinct().Count().ShouldBe(keys.Length);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData(""","temperature":0""", false)]
    [InlineData(""","temperature":0.0,"n":1""", false)]
    [InlineData(""","temperature":0,"n":2""", true)]
    [InlineData(""","temperature":0.1""", true)]
    [InlineData(""","temperature":null""", true)]
    [InlineData(""","temperature":"0" """, true)]
    public void Read_Chat_KnowsWhatIsSampled(string extra, bool sampled) =>
        Read($$"""{"model":"fast","messages":[]{{extra}}}""").IsSampled.ShouldBe(sampled);

    [Theory]
    [InlineData("", true)]
    [InlineData(""","store":false""", false)]
    [InlineData(""","store":false,"background":true""", true)]
    [InlineData(""","store":false,"conversation":"c" """, true)]
    public void Read_Responses_KnowsWhatKeepsState(string extra, bool keeps) =>
        Read($$"""{"model":"fast","input":"hi"{{extra}}}""", Operation.Responses).KeepsState.ShouldBe(keeps);

    [Fact]
    public void Read_RandomJson_SpelledAnewIsSameKeyAndChangedIsOther() => RandomSchedule.Run(300, random =>
    {
        var body = new JsonObject { ["model"] = "fast", ["messages"] = Make(random, 4) };
        var key = KeyOf(body.ToJsonString());
        KeyOf(Spell(body, random)).ShouldBe(key);
        var changed = body.DeepClone();
        Change(changed["messages"]!, random);
        KeyOf(Spell(changed, random)).ShouldNotBe(key);
    });

    private static JsonNode Make(Random random, int depth) => random.Next(depth > 0 ? 3 : 1) switch
    {
        1 => new JsonArray([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Make(random, depth - 1))]),
        2 => new JsonObject(Enumerable.Range(0, random.Next(1, 5)).Select(i => KeyValuePair.Create<string, JsonNode?>($"k{i}é\"", Make(random, depth - 1)))),
        _ => random.Next(4) switch
        {
            0 => JsonValue.Create(random.Next(-1000, 1000) / 8m),
            1 => JsonValue.Create(random.Next(2) == 0),
            2 => JsonValue.Create(random.Next(100)),
            _ => JsonValue.Create("tëxt \n\"" + random.Next(100)),
        },
    };

    // Exactly one leaf becomes another value, or one list longer.
    private static void Change(JsonNode node, Random random)
    {
        switch (node)
        {
            case JsonArray array when random.Next(3) == 0:
                array.Add(JsonValue.Create("one more"));
                break;
            case JsonArray array:
                Change(array[random.Next(array.Count)]!, random);
                break;
            case JsonObject fields when random.Next(3) == 0:
                fields["new"] = null;
                break;
            case JsonObject fields:
                Change(fields.ElementAt(random.Next(fields.Count)).Value!, random);
                break;
            default:
                node.ReplaceWith(JsonValue.Create("changed"));
                break;
        }
    }

    private static string Spell(JsonNode? node, Random random)
    {
        var blank = random.Next(3) switch { 0 => " ", 1 => "\n\t", _ => "" };
        return node switch
        {
            JsonArray array => $"[{blank}{string.Join($"{blank},", array.Select(item => Spell(item, random)))}]",
            JsonObject fields => $"{{{string.Join($",{blank}", fields.OrderBy(_ => random.Next()).Select(field => $"{Quote(field.Key, random)}{blank}:{Spell(field.Value, random)}"))}}}",
            null => "null",
            _ when node.GetValueKind() == System.Text.Json.JsonValueKind.String => Quote(node.GetValue<string>(), random),
            _ when node.GetValueKind() == System.Text.Json.JsonValueKind.Number && random.Next(2) == 0 => node.ToJsonString() + "e0",
            _ => node.ToJsonString(),
        };
    }

    private static string Quote(string text, Random random) =>
        $"\"{string.Concat(text.Select(letter => letter is '"' or '\n' || random.Next(4) == 0 ? $"\\u{(int)letter:x4}" : letter.ToString()))}\"";

    private static string Seed(string value) => $$"""{"model":"fast","seed":{{value}}}""";

    private AnswerKey KeyOf(string body, Operation? operation = null, string tenant = "t", string? beta = null, string? version = null) =>
        Read(body, operation, tenant, beta, version).Key;

    private CacheableRequest Read(string body, Operation? operation = null, string tenant = "t", string? beta = null, string? version = null)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        RequestHeadScanner.Scan(bytes, out var head).ShouldBeNull();
        return CacheableRequest.Read(_gateway.Tables.Current.Find("fast")!, new InferenceRequest
        {
            Operation = operation ?? Operation.ChatCompletions,
            Head = head,
            Body = bytes,
            Tenant = tenant,
            Headers = new ClientHeaders { OpenAIBeta = beta, AnthropicVersion = version },
        });
    }
}
