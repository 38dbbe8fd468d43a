using Weir.EndToEnd.Support;

namespace Weir.EndToEnd.Sdks;

[Collection(TwoDialects.Name)]
public sealed class NodeSdkTests(TwoDialects weir)
{
    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public Task OpenAI_OrdinaryFlows_Pass(string provider) => NodeSdks.RunAsync("openai.mjs", weir.Url, provider);

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public Task Anthropic_OrdinaryFlows_Pass(string provider) => NodeSdks.RunAsync("anthropic.mjs", weir.Url, provider);

    [Theory]
    [InlineData("anthropic")]
    public Task Responses_ByTranslation_Pass(string provider) => NodeSdks.RunAsync("responses.mjs", weir.Url, provider);
}
