using System.IO.Pipelines;
using Weir.Inference.Relay;

namespace Weir.Inference.Coalescing;

/// <summary>
/// An answer that one writes and any number follow, each at its own pace from its first byte on. It is kept whole up to
/// <see cref="MostKept"/>. Past that nobody can begin to follow it any more, what all have read is let go of, and the writer waits
/// for whoever is <see cref="Window"/> behind.
/// </summary>
internal sealed class FollowedAnswer : IAnswer
{
    /// <summary>In bytes: 16 MiB.</summary>
    public const int MostKept = 16 << 20;

    /// <summary>In bytes: 1 MiB.</summary>
    public const int Window = 1 << 20;

    private readonly Lock _sync = new();
    private readonly List<Follower> _followers = [];
    private readonly Writer _writer;
    // Keeps every chunk alive: each leads to the next. Null once the answer is no longer kept whole.
    private AnswerChunk? _first = new(0);
    private AnswerHead? _head;
    private TaskCompletionSource? _changed;
    private TaskCompletionSource? _room;
    private long _published;
    private bool _isAborted;
    private bool _hasEnded;

    public FollowedAnswer() => _writer = new Writer(this, _first);

    public PipeWriter Body => _writer;

    public AnswerHead? Head
    {
        get
        {
            lock (_sync)
            {
                return _head;
            }
        }
    }

    public bool IsAborted
    {
        get
        {
            lock (_sync)
            {
                return _isAborted;
            }
        }
    }

    /// <summary>Null where it can no longer be followed from its beginning.</summary>
    public Follower? TryFollow()
    {
        lock (_sync)
        {
            if (_first is null)
            {
                return null;
            }

            var follower = new Follower(_first);
            _followers.Add(follower);
            return follower;
        }
    }

    public void Leave(Follower follower)
    {
        lock (_sync)
        {
            _followers.Remove(follower);
            WakeWriter();
        }
    }

    public void Begin(in AnswerHead head)
    {
        lock (_sync)
        {
            // Whoever was told that nothing came is not to see that something does.
            if (_hasEnded)
            {
                return;
            }

            _head = head;
            WakeFollowers();
        }
    }

    public void Abort()
    {
        lock (_sync)
        {
            _isAborted = true;
        }
    }

    /// <summary>Nothing more will come; where it has not begun, nothing ever will.</summary>
    public void End()
    {
        lock (_sync)
        {
            _hasEnded = true;
            WakeFollowers();
        }
    }

    /// <summary>All of it; null where it was not kept.</summary>
    public byte[]? ToArray()
    {
        lock (_sync)
        {
            if (_first is null)
            {
                return null;
            }

            var all = new byte[_published];
            var at = 0;
            for (var chunk = _first; chunk is not null && at < all.Length; chunk = chunk.Next)
            {
                var length = Math.Min(chunk.Written, all.Length - at);
                chunk.Bytes.AsSpan(0, length).CopyTo(all.AsSpan(at));
                at += length;
            }

            return all;
        }
    }

    /// <summary>Ends once the answer has begun, or has ended without that.</summary>
    public async Task BegunAsync()
    {
        while (true)
        {
            Task changed;
            lock (_sync)
            {
                if (_head is not null || _hasEnded)
                {
                    return;
                }

                changed = NextChange();
            }

            await changed.ConfigureAwait(false);
        }
    }

    /// <summary>Passes on what comes until the answer has ended.</summary>
    /// <returns>False: whoever it goes to has left.</returns>
    public async ValueTask<bool> CopyAsync(Follower follower, PipeWriter output, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task? changed = null;
            ReadOnlyMemory<byte> piece;
            lock (_sync)
            {
                piece = follower.Next(_published);
                if (piece.IsEmpty)
                {
                    if (_hasEnded)
                    {
                        return true;
                    }

                    changed = NextChange();
                }
            }

            if (changed is not null)
            {
                await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            if ((await output.WriteAsync(piece, cancellationToken).ConfigureAwait(false)).IsCompleted)
            {
                return false;
            }

            lock (_sync)
            {
                follower.Advance(piece.Length);
                WakeWriter();
            }
        }
    }

    private ValueTask<FlushResult> PublishAsync(long written, CancellationToken cancellationToken)
    {
        Task room;
        lock (_sync)
        {
            _published = written;
            WakeFollowers();
            if (written > MostKept)
            {
                _first = null;
            }

            if (_first is not null || !IsFull)
            {
                return new(new FlushResult(isCanceled: false, isCompleted: false));
            }

            room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        return WaitForRoomAsync(room, cancellationToken);
    }

    private bool IsFull
    {
        get
        {
            foreach (var follower in _followers)
            {
                if (_published - follower.Position > Window)
                {
                    return true;
                }
            }

            return false;
        }
    }

    private static async ValueTask<FlushResult> WaitForRoomAsync(Task room, CancellationToken cancellationToken)
    {
        await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new FlushResult(isCanceled: false, isCompleted: false);
    }

    // All of these under the lock; continuations run elsewhere.
    private Task NextChange() => (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private void WakeFollowers()
    {
        _changed?.SetResult();
        _changed = null;
    }

    private void WakeWriter()
    {
        if (_room is not null && !IsFull)
        {
            _room.SetResult();
            _room = null;
        }
    }

    private sealed class Writer(FollowedAnswer owner, AnswerChunk first) : PipeWriter
    {
        private const int Smallest = 4096;
        private const int Largest = 64 * 1024;
        private AnswerChunk _chunk = first;
        private long _written;

        public override void Advance(int bytes)
        {
            _chunk.Written += bytes;
            _written += bytes;
        }

        public override Memory<byte> GetMemory(int sizeHint = 0)
        {
            if (_chunk.Bytes.Length - _chunk.Written < Math.Max(sizeHint, 1))
            {
                _chunk = _chunk.Next = new AnswerChunk(Math.Max(sizeHint, Math.Clamp(_chunk.Bytes.Length * 2, Smallest, Largest)));
            }

            return _chunk.Bytes.AsMemory(_chunk.Written);
        }

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            owner.PublishAsync(_written, cancellationToken);

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }
    }
}
