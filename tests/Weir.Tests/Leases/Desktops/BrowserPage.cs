using System.Net;
using System.Text;
using System.Threading.Channels;

namespace Weir.Tests.Leases.Desktops;

/// <summary>A page that tells what was done to it, served to a real Chromium that fills a desktop's screen.</summary>
internal sealed class BrowserPage : IAsyncDisposable
{
    private const string Page = """
        <!doctype html><meta charset="utf-8"><title>Weir</title>
        <body style="margin:0;height:4000px;background:#fff">
        <textarea id="text" aria-label="Story" style="position:fixed;left:0;top:0;width:600px;height:300px;font-size:10px"></textarea>
        <button id="button" style="position:fixed;left:700px;top:0;width:200px;height:100px">Press me</button>
        <script>
        const tell = async what => { for (;;) try { return await fetch('/told', { method: 'POST', body: JSON.stringify(what) }); } catch { } };
        let chain = Promise.resolve();
        const say = what => { chain = chain.then(() => tell(what)); };
        let late = false;
        const sayText = () => { late = false; return tell({ text: text.value }); };
        text.oninput = () => { if (!late) { late = true; chain = chain.then(sayText); } };
        button.onclick = e => say({ click: e.detail, x: e.clientX, y: e.clientY });
        document.body.ondblclick = e => say({ dblclick: e.detail });
        document.onmousedown = e => say({ down: e.button, x: e.screenX, y: e.screenY });
        document.onmouseup = e => say({ up: e.button, x: e.screenX, y: e.screenY });
        document.oncontextmenu = e => { e.preventDefault(); say({ menu: true }); };
        document.onkeydown = e => { if (e.target !== text) say({ key: e.key, ctrl: e.ctrlKey, shift: e.shiftKey }); };
        onscroll = () => say({ scroll: scrollY });
        // The window manager moves a new window: it is ready when it has stood for a second.
        onload = () => {
            text.focus();
            const place = () => ({ ready: true, left: screenX + (outerWidth - innerWidth), top: screenY + (outerHeight - innerHeight) });
            let last = '', stood = 0;
            const look = setInterval(() => {
                const now = JSON.stringify(place());
                stood = now === last ? stood + 1 : 0;
                last = now;
                if (stood === 10) { clearInterval(look); say(place()); }
            }, 100);
        };
        </script>
        """;

    // A browser on a machine that does much else may stand still for ten seconds.
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    private readonly HttpListener _listener = new();
    private readonly Channel<string> _told = Channel.CreateUnbounded<string>();
    private readonly Task _serving;

    private BrowserPage(int port)
    {
        Url = $"http://127.0.0.1:{port}/";
        _listener.Prefixes.Add(Url);
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Url { get; }

    public static BrowserPage Start() => new(Support.FreePort.Next());

    /// <summary>The next thing told that has a word in it.</summary>
    public async Task<System.Text.Json.JsonElement> NextAsync(string field)
    {
        using var late = new CancellationTokenSource(Long);
        while (true)
        {
            var told = System.Text.Json.JsonDocument.Parse(await _told.Reader.ReadAsync(late.Token)).RootElement;
            if (told.TryGetProperty(field, out _))
                return told;
        }
    }

    /// <summary>Reads on until the text is as expected; what it was last is what a failure shows.</summary>
    public async Task TextShouldBecomeAsync(string expected)
    {
        using var late = new CancellationTokenSource(Long);
        var last = "";
        try
        {
            while (last != expected)
            {
                var told = System.Text.Json.JsonDocument.Parse(await _told.Reader.ReadAsync(late.Token)).RootElement;
                if (told.TryGetProperty("text", out var text))
                    last = text.GetString()!;
            }
        }
        catch (OperationCanceledException)
        {
        }

        last.ShouldBe(expected);
    }

    public void Launch(XServer server) => server.Start(
        "chromium",
        [
            "--no-sandbox", "--test-type", "--no-first-run", "--password-store=basic", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--force-renderer-accessibility", $"--user-data-dir={server.Folder}/profile", $"--window-size={server.Width},{server.Height}", "--window-position=0,0", $"--app={Url}",
        ]);

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
        _listener.Close();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            if (context.Request.HttpMethod == "POST")
            {
                using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
                await _told.Writer.WriteAsync(await reader.ReadToEndAsync());
            }
            else
            {
                context.Response.ContentType = "text/html; charset=utf-8";
                await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(context.Request.Url!.AbsolutePath == "/" ? Page : ""));
            }

            context.Response.Close();
        }
    }
}
