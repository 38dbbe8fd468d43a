using System.Text.Json.Nodes;
using Weir.Server.Configuration.Schema;
using Weir.Server.Configuration.Shapes;
using Weir.Tests.House;

namespace Weir.Tests.Server.Configuration.Schema;

public sealed class ConfigurationSchemaTests
{
    private static readonly JsonObject Root = JsonNode.Parse(ConfigurationSchema.Write())!.AsObject();

    [Fact]
    public void Write_File_IsInStepWithTheTypes() =>
        File.ReadAllText(Repository.Path("weir.schema.json")).ShouldBe(
            ConfigurationSchema.Write(), "weir.schema.json is behind the option types: run ./weir check --schema > weir.schema.json");

    [Fact]
    public void Write_EverySetting_IsThereAndDescribed()
    {
        var missing = new List<string>();
        Walk(ShapeReader.Root, Root, "", missing);

        missing.ShouldBeEmpty("Settings without a doc comment, or not in the schema");
    }

    [Theory]
    [InlineData("server.drain", "30s", true)]
    [InlineData("server.drain", "30", false)]
    [InlineData("server.max_body", "32MB", true)]
    [InlineData("server.max_body", "32Mb", false)]
    public void Write_Patterns_AgreeWithTheLoader(string path, string value, bool allowed)
    {
        var (section, name) = (path.Split('.')[0], path.Split('.')[1]);
        var setting = Root["$defs"]![section]!["properties"]![name]!["anyOf"]![0]!;

        System.Text.RegularExpressions.Regex.IsMatch(value, setting["pattern"]!.GetValue<string>()).ShouldBe(allowed);
        Loading.Load($$"""{ "{{section}}": { "{{name}}": "{{value}}" } }""").Faults.Count.ShouldBe(allowed ? 0 : 1);
    }

    private static void Walk(Shape shape, JsonNode schema, string path, List<string> missing)
    {
        switch (shape)
        {
            case ObjectShape known:
                var properties = Resolve(schema)["properties"]!;
                foreach (var setting in known.Settings)
                {
                    var at = $"{path}.{setting.Name}";
                    if (properties[setting.Name] is not { } member || member["description"] is null)
                    {
                        missing.Add(at);
                        continue;
                    }

                    Walk(setting.Shape, member["anyOf"]?[0] ?? member, at, missing);
                }

                break;
            case MapShape map:
                Walk(map.Value, Resolve(schema)["additionalProperties"]!, path + ".*", missing);
                break;
            case ListShape list:
                Walk(list.Item, Resolve(schema)["items"]!, path + "[]", missing);
                break;
        }
    }

    private static JsonNode Resolve(JsonNode schema) =>
        schema["$ref"] is { } reference ? Root["$defs"]![reference.GetValue<string>().Split('/')[^1]]! : schema;
}
