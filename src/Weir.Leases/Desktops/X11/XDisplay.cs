using System.Buffers;
using Weir.Leases.Desktops.Screens;

namespace Weir.Leases.Desktops.X11;

/// <summary>What is done with the screen, the pointer and the keyboard of one X server, over one connection.</summary>
/// <remarks>Every method throws <see cref="XBrokenException"/> when the connection breaks; what the server refuses is a value.</remarks>
internal sealed class XDisplay : IAsyncDisposable
{
    /// <summary>As far as a screen goes: 16 Mpixel are 64 MB.</summary>
    public const int MostPixels = 16 << 20;

    private const int MostBand = 4 << 20;
    private const int MostCursor = 256 * 256 * 4;

    private readonly XConnection _connection;
    private readonly byte _test;
    private readonly byte? _fixes;

    private XDisplay(XConnection connection, byte test, byte? fixes) => (_connection, _test, _fixes) = (connection, test, fixes);

    public bool IsBroken => _connection.IsBroken;

    /// <exception cref="XBrokenException">There is none, it does not let us in, or it has no XTEST.</exception>
    public static async Task<XDisplay> OpenAsync(string socketPath, ReadOnlyMemory<byte> cookie, TimeProvider time, CancellationToken cancellationToken)
    {
        var connection = await XConnection.OpenAsync(socketPath, cookie, time, cancellationToken).ConfigureAwait(false);
        try
        {
            if (!connection.Setup.IsTrueColor || connection.Setup.BitsPerPixel != 32)
                throw new XBrokenException("The X server's screen is not of 24 bits of colour in pixels of 32 bits.");
            var answers = await connection.RunAsync([XRequest.Extension("XTEST"), XRequest.Extension("XFIXES")]).ConfigureAwait(false);
            if (CodeOf(answers[0]) is not { } test)
                throw new XBrokenException("The X server has no XTEST.");
            var fixes = CodeOf(answers[1]);
            if (fixes is { } code)
                await connection.RunAsync([XRequest.CursorVersion(code)]).ConfigureAwait(false);
            return new XDisplay(connection, test, fixes);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The size of the screen as it is now: a program inside may have changed it.</summary>
    public async Task<ScreenSize> SizeAsync()
    {
        var reply = await AskAsync(XRequest.Geometry(_connection.Setup.Root)).ConfigureAwait(false);
        return SizeIn(reply);
    }

    public async Task<(int X, int Y, bool IsCapsLocked)> PointerAsync()
    {
        var reply = await AskAsync(XRequest.Pointer(_connection.Setup.Root)).ConfigureAwait(false);
        return PointerIn(reply);
    }

    /// <summary>Which buttons are pressed as far as programs have been told, a bit for each from the first on, and which window has the keyboard.</summary>
    public async Task<(int Buttons, uint Window)> FocusAsync()
    {
        var replies = await _connection.RunAsync([XRequest.Pointer(_connection.Setup.Root), XRequest.Focus()]).ConfigureAwait(false);
        return (ButtonsIn(Good(replies[0])), Good(replies[1]).Fields().Long());
    }

    public async Task<XKeyboard> KeyboardAsync()
    {
        var (first, last) = (_connection.Setup.FirstKey, _connection.Setup.LastKey);
        var reply = await AskAsync(XRequest.KeyboardMapping(first, last - first + 1)).ConfigureAwait(false);
        return XKeyboard.Read(first, last, reply.Detail, reply.Body.Span);
    }

    /// <returns>Why keys could not be changed. Null: they have been.</returns>
    public async Task<XError?> ChangeKeysAsync(IReadOnlyList<XKeyChange> changes, int perKey)
    {
        var requests = changes.Select(change =>
        {
            var keysyms = new uint[perKey];
            Array.Fill(keysyms, change.Keysym);
            return XRequest.ChangeKeyboardMapping(change.Code, perKey, keysyms);
        });
        // Else every client would be told of each key by itself, and read the keyboard again each time, while the next are still to come.
        return FirstErrorOf(await _connection.RunAsync([XRequest.GrabServer(), .. requests, XRequest.UngrabServer()]).ConfigureAwait(false));
    }

    /// <summary>Does things to devices in their order, and returns when the server has done them all.</summary>
    public async Task<XError?> FakeAsync(IReadOnlyList<XInput> inputs) => inputs.Count == 0
        ? null
        : FirstErrorOf(await _connection.RunAsync([.. inputs.Select(input => XRequest.Fake(_test, input, _connection.Setup.Root))]).ConfigureAwait(false));

    /// <summary>The whole screen at one moment, or as much of it as <paramref name="size"/> says.</summary>
    public async Task<ScreenImage> ImageAsync(ScreenSize size)
    {
        while (true)
        {
            var image = new ScreenImage(size);
            var rows = Math.Max(1, MostBand / (size.Width * 4));
            List<XRequest> requests = [XRequest.GrabServer(), XRequest.Geometry(_connection.Setup.Root)];
            for (var y = 0; y < size.Height; y += rows)
            {
                var height = Math.Min(rows, size.Height - y);
                requests.Add(XRequest.Image(_connection.Setup.Root, y, size.Width, height, image.Rows(y, height)));
            }

            requests.Add(XRequest.UngrabServer());
            var replies = await _connection.RunAsync(requests).ConfigureAwait(false);
            if (FirstErrorOf(replies) is not { } error)
                return image;
            image.Dispose();
            var now = SizeIn(Good(replies[1]));
            if (now.Width >= size.Width && now.Height >= size.Height)
                throw new XBrokenException(error.ToString());
            // It has become smaller in between.
            size = new ScreenSize(Math.Min(size.Width, now.Width), Math.Min(size.Height, now.Height));
        }
    }

    /// <summary>A look at every eighth row of the screen, which nothing on a screen that is made to be seen slips through.</summary>
    /// <returns>Null: the screen has become smaller meanwhile.</returns>
    public async Task<ScreenLook?> LookAsync(ScreenSize size)
    {
        const int Step = 8;
        var (rows, length) = ((size.Height + Step - 1) / Step, size.Width * 4);
        var pixels = ArrayPool<byte>.Shared.Rent(rows * length);
        try
        {
            var requests = Enumerable.Range(0, rows).Select(row => XRequest.Image(_connection.Setup.Root, row * Step, size.Width, 1, pixels.AsMemory(row * length, length)));
            var replies = await _connection.RunAsync([.. requests]).ConfigureAwait(false);
            return FirstErrorOf(replies) is null ? ScreenLook.Of(pixels.AsSpan(0, rows * length)) : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
        }
    }

    /// <summary>The pointer's picture. Null: it is hidden, or the server cannot tell.</summary>
    public async Task<ScreenCursor?> CursorAsync()
    {
        if (_fixes is not { } code)
            return null;
        var reply = (await _connection.RunAsync([XRequest.CursorImage(code, MostCursor)]).ConfigureAwait(false))[0];
        if (reply.Error is not null)
            return null;
        var fields = reply.Fields();
        var (x, y) = (fields.Signed(), fields.Signed());
        var (width, height) = (fields.Word(), fields.Word());
        var (hotX, hotY) = (fields.Word(), fields.Word());
        if (reply.Body.Length != width * height * 4)
            throw new XBrokenException($"The X server sent a cursor of {width} x {height} in {reply.Body.Length} bytes.");
        return new ScreenCursor(x - hotX, y - hotY, width, height, reply.Body);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task<XReply> AskAsync(XRequest request) => Good((await _connection.RunAsync([request]).ConfigureAwait(false))[0]);

    /// <summary>What the server may refuse to nobody.</summary>
    private static XReply Good(XReply reply) => reply.Error is { } error ? throw new XBrokenException(error.ToString()) : reply;

    private static XError? FirstErrorOf(IReadOnlyList<XReply> replies)
    {
        foreach (var reply in replies)
        {
            if (reply.Error is { } error)
                return error;
        }

        return null;
    }

    private static byte? CodeOf(XReply reply)
    {
        var fields = Good(reply).Fields();
        return fields.Byte() == 0 ? null : fields.Byte();
    }

    private static (int X, int Y, bool IsCapsLocked) PointerIn(XReply reply)
    {
        var fields = reply.Fields();
        fields.Skip(8);
        var (x, y) = (fields.Signed(), fields.Signed());
        fields.Skip(4);
        return (x, y, (fields.Word() & 2) != 0);
    }

    private static int ButtonsIn(XReply reply)
    {
        var fields = reply.Fields();
        fields.Skip(16);
        return (fields.Word() >> 8) & 0x1f;
    }

    private static ScreenSize SizeIn(XReply reply)
    {
        var fields = reply.Fields();
        fields.Skip(8);
        var size = new ScreenSize(fields.Word(), fields.Word());
        return size.Width > 0 && size.Height > 0 && size.Width * (long)size.Height <= MostPixels && Math.Max(size.Width, size.Height) <= short.MaxValue
            ? size
            : throw new XBrokenException($"The X server says that its screen is {size}.");
    }
}
