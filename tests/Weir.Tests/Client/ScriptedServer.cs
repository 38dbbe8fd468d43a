using System.Net;
using System.Text;
using Weir.Client;

namespace Weir.Tests.Client;

/// <summary>A server that answers as a test says, request by request, and keeps what it was asked.</summary>
internal sealed class ScriptedServer : HttpMessageHandler
{
    private readonly Queue<Func<CancellationToken, Task<HttpResponseMessage>>> _answers = new();

    public List<(string Line, string Body)> Requests { get; } = [];

    public List<HttpRequestMessage> Heads { get; } = [];

    public WeirClient Client(WeirClientOptions? options = null) => new(new HttpClient(this) { BaseAddress = new Uri("http://weir.test:7800") }, options);

    public ScriptedServer Then(HttpStatusCode status, string body, params (string Name, string Value)[] headers)
    {
        _answers.Enqueue(_ =>
        {
            var response = new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, body.StartsWith("event", StringComparison.Ordinal) || body.StartsWith("data", StringComparison.Ordinal) ? "text/event-stream" : "application/json") };
            foreach (var (name, value) in headers)
                response.Headers.TryAddWithoutValidation(name, value);
            return Task.FromResult(response);
        });
        return this;
    }

    public ScriptedServer Then(Func<CancellationToken, Task<HttpResponseMessage>> answer)
    {
        _answers.Enqueue(answer);
        return this;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Heads.Add(request);
        Requests.Add(($"{request.Method} {request.RequestUri!.PathAndQuery}", request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken)));
        return await _answers.Dequeue()(cancellationToken);
    }
}
