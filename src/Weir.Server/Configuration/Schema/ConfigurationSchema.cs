using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Shapes;

namespace Weir.Server.Configuration.Schema;

/// <summary>The JSON Schema (draft 2020-12) of <c>weir.json</c>, made of the same shapes that bind it.</summary>
public static class ConfigurationSchema
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The whole schema, with a line break at its end.</summary>
    public static string Write() => new Writer().Write().ToJsonString(Indented) + "\n";

    private sealed class Writer
    {
        private readonly DocComments _comments = new();
        private readonly JsonObject _definitions = [];

        public JsonObject Write()
        {
            _definitions["variable"] = new JsonObject
            {
                ["description"] = "The value of an environment variable, read when the file is.",
                ["type"] = "string",
                ["pattern"] = @"\$\{[A-Za-z_][A-Za-z0-9_]*\}",
            };
            var schema = new JsonObject
            {
                ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
                ["title"] = "weir.json",
                ["allowTrailingCommas"] = true,
            };
            foreach (var (name, value) in Object(ShapeReader.Root))
            {
                schema[name] = value?.DeepClone();
            }

            schema["properties"]!.AsObject().Insert(0, "$schema", new JsonObject { ["type"] = "string" });
            schema["$defs"] = _definitions;
            return schema;
        }

        private JsonObject Object(ObjectShape shape)
        {
            var defaults = Activator.CreateInstance(shape.Type)!;
            var properties = new JsonObject();
            foreach (var setting in shape.Settings)
            {
                properties[setting.Name] = Member(setting, defaults);
            }

            var schema = new JsonObject();
            Describe(schema, shape.Type, "");
            schema["type"] = "object";
            schema["additionalProperties"] = false;
            if (shape.Settings.Any(setting => setting.Required))
            {
                schema["required"] = new JsonArray([.. shape.Settings.Where(setting => setting.Required).Select(setting => (JsonNode)setting.Name)]);
            }

            schema["properties"] = properties;
            return schema;
        }

        private JsonObject Member(Setting setting, object defaults)
        {
            var schema = new JsonObject();
            Describe(schema, setting.Property, setting.RestartRequired ? " Takes effect at the next start." : "");
            var alternatives = new JsonArray(Value(setting.Shape, setting));
            if (setting.Shape is WordShape or ScalarShape { Scalar: not Scalar.Text })
            {
                alternatives.Add(Reference("variable"));
            }

            if (setting.Nullable)
            {
                alternatives.Add(new JsonObject { ["type"] = "null" });
            }

            if (alternatives.Count > 1)
            {
                schema["anyOf"] = alternatives;
            }
            else
            {
                foreach (var (name, value) in alternatives[0]!.AsObject())
                {
                    schema[name] = value?.DeepClone();
                }
            }

            if (Default(setting, defaults) is { } known)
            {
                schema["default"] = known;
            }

            return schema;
        }

        private JsonObject Value(Shape shape, Setting? setting)
        {
            switch (shape)
            {
                case ObjectShape known:
                    return Definition(known);
                case MapShape map:
                    return new JsonObject { ["type"] = "object", ["additionalProperties"] = Value(map.Value, null) };
                case ListShape list:
                    var items = new JsonObject { ["type"] = "array", ["items"] = Value(list.Item, null) };
                    if (setting is { MinLength: > 0 })
                    {
                        items["minItems"] = setting.MinLength;
                    }

                    return items;
                case WordShape words:
                    return Words(words, setting);
                default:
                    return Scalars((ScalarShape)shape, setting);
            }
        }

        private JsonObject Definition(ObjectShape shape)
        {
            var name = ShapeReader.WireName(shape.Type.Name[..^"Options".Length]);
            if (!_definitions.ContainsKey(name))
            {
                // Inserted before it is filled, so that a shape may hold itself.
                _definitions[name] = new JsonObject();
                _definitions[name] = Object(shape);
            }

            return Reference(name);
        }

        private JsonObject Words(WordShape shape, Setting? setting)
        {
            // Each word with its comment: editors show it beside the choice.
            var choices = new JsonArray();
            foreach (var word in shape.Words.Where(word => setting is null || !LaterSettings.HasWord(setting, word.Text)))
            {
                var choice = new JsonObject { ["const"] = word.Text };
                Describe(choice, word.Field, "");
                choices.Add(choice);
            }

            return new JsonObject { ["oneOf"] = choices };
        }

        private static JsonObject Scalars(ScalarShape shape, Setting? setting)
        {
            var schema = new JsonObject();
            switch (shape.Scalar)
            {
                case Scalar.Truth:
                    schema["type"] = "boolean";
                    break;
                case Scalar.Integer or Scalar.Number:
                    schema["type"] = shape.Scalar == Scalar.Integer ? "integer" : "number";
                    if (setting?.Bounds is { } bounds)
                    {
                        schema["minimum"] = JsonNode.Parse(shape.Write(bounds.Least));
                        schema["maximum"] = JsonNode.Parse(shape.Write(bounds.Greatest));
                    }

                    break;
                case Scalar.Duration:
                    schema["type"] = "string";
                    schema["pattern"] = DurationText.Pattern;
                    break;
                case Scalar.Rhythm:
                    schema["type"] = "string";
                    schema["pattern"] = $"^off$|{DurationText.Pattern}";
                    break;
                case Scalar.Size:
                    schema["type"] = new JsonArray("string", "integer");
                    schema["pattern"] = ByteSizeText.Pattern;
                    schema["minimum"] = 0;
                    break;
                default:
                    schema["type"] = "string";
                    if (setting?.Pattern is { } pattern)
                    {
                        schema["pattern"] = pattern.ToString().Replace(@"\z", "$", StringComparison.Ordinal);
                    }

                    break;
            }

            return schema;
        }

        private static JsonNode? Default(Setting setting, object defaults) => setting.Property.GetValue(defaults) switch
        {
            string text when !setting.Required => text,
            TimeSpan duration => DurationText.Write(duration),
            ByteSize size => ByteSizeText.Write(size),
            int number => number,
            double number => number,
            bool truth => truth,
            _ => null,
        };

        private void Describe(JsonObject schema, MemberInfo member, string more)
        {
            if (_comments.Summary(member) is { } summary)
            {
                schema["description"] = summary + more;
            }
        }

        private static JsonObject Reference(string name) => new() { ["$ref"] = $"#/$defs/{name}" };
    }
}
