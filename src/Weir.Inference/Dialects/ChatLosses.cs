using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Fields of a chat request that Anthropic has nothing for: each with the values that ask for nothing, whose loss is none.</summary>
internal static class ChatLosses
{
    private static readonly Dictionary<string, Loss> Known = new(StringComparer.Ordinal)
    {
        ["n"] = new("it gives one answer to a request.", value => Is(value, 1)),
        ["best_of"] = new("it gives one answer to a request.", value => Is(value, 1)),
        ["seed"] = new("its sampling takes no seed."),
        ["logprobs"] = new("it tells no probabilities.", value => value.ValueKind == JsonValueKind.False),
        ["top_logprobs"] = new("it tells no probabilities.", value => Is(value, 0)),
        ["logit_bias"] = new("its sampling takes no bias.", IsEmpty),
        ["frequency_penalty"] = new("its sampling has no penalties.", value => Is(value, 0)),
        ["presence_penalty"] = new("its sampling has no penalties.", value => Is(value, 0)),
        ["repetition_penalty"] = new("its sampling has no penalties.", value => Is(value, 1)),
        ["min_p"] = new("its sampling has no min_p.", value => Is(value, 0)),
        ["modalities"] = new("it answers in text alone.", value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String && one.ValueEquals("text"u8))),
        ["audio"] = new("it answers in text alone."),
        ["prediction"] = new("it takes no predicted output."),
        ["web_search_options"] = new("its search is a tool with settings of its own: name that among the tools."),
        ["functions"] = new("use tools, which replace it.", IsEmpty),
        ["function_call"] = new("use tool_choice, which replaces it.", value => value.ValueKind == JsonValueKind.String && (value.ValueEquals("auto"u8) || value.ValueEquals("none"u8))),
        ["store"] = new("it keeps no answers.", value => value.ValueKind == JsonValueKind.False),
        ["verbosity"] = new("it has no such setting.", value => value.ValueKind == JsonValueKind.String && value.ValueEquals("medium"u8)),

        // Hints about where a prompt is cached, which change no answer: Anthropic is told by cache_control.
        ["prompt_cache_key"] = new("", _ => true),
        ["prompt_cache_retention"] = new("", _ => true),
    };

    /// <summary>Reports whatever would be lost; what nobody knows is not passed on, since Anthropic refuses it.</summary>
    public static void Check(JsonElement body, TranslationFaults faults)
    {
        foreach (var field in body.EnumerateObject())
        {
            if (field.Value.ValueKind == JsonValueKind.Null)
            {
                continue;
            }

            var name = field.Name;
            if (Known.TryGetValue(name, out var loss))
            {
                if (loss.AsksForNothing?.Invoke(field.Value) != true)
                {
                    faults.Cannot(name, $"the provider speaks Anthropic's dialect, and {loss.Why}");
                }
            }
            else if (!ChatRequest.Knows(name))
            {
                faults.Cannot(name, "Anthropic's dialect has no such field.");
            }
        }
    }

    private static bool Is(JsonElement value, double number) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var given) && given.Equals(number);

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => !value.EnumerateObject().MoveNext(),
        JsonValueKind.Array => value.GetArrayLength() == 0,
        _ => false,
    };

    /// <param name="Why">Ends the sentence "the provider speaks Anthropic's dialect, and …".</param>
    /// <param name="AsksForNothing">Whether a value is the default; null: none is.</param>
    private sealed record Loss(string Why, Func<JsonElement, bool>? AsksForNothing = null);
}
