namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>
/// Strings and their ids as a tree of characters, its edges in one open-addressed table: the longest token at a place, or all of them, in one walk.
/// Built once, then only read.
/// </summary>
internal sealed class TokenTrie
{
    public const int Root = 0;
    public const int None = -1;

    private ulong[] _edges = new ulong[64]; // (node, character) + 1; 0: free
    private int[] _children = new int[64];
    private int[] _ids = [None];
    private int _nodes = 1;

    /// <summary>What it takes in memory, in bytes.</summary>
    public long Bytes => (_edges.Length * 12L) + (_ids.Length * 4L);

    /// <summary>Whether it holds no string at all.</summary>
    public bool IsEmpty => _nodes == 1;

    /// <summary>Adds a string; the last id of a string counts.</summary>
    public void Add(ReadOnlySpan<char> text, int id)
    {
        var node = Root;
        foreach (var c in text)
        {
            var slot = Slot(node, c);
            if (_edges[slot] == 0)
            {
                if (_nodes * 2 >= _edges.Length)
                {
                    Grow();
                    slot = Slot(node, c);
                }

                _edges[slot] = Key(node, c);
                _children[slot] = _nodes;
                if (_nodes == _ids.Length)
                    Array.Resize(ref _ids, _nodes * 2);
                _ids[_nodes++] = None;
            }

            node = _children[slot];
        }

        _ids[node] = id;
    }

    /// <summary>One step down; <see cref="None"/> where no string goes on like this.</summary>
    public int Child(int node, char c)
    {
        var slot = Slot(node, c);
        return _edges[slot] == 0 ? None : _children[slot];
    }

    /// <summary>The id of the string that ends at a node, or <see cref="None"/>.</summary>
    public int IdAt(int node) => _ids[node];

    /// <summary>The id of exactly this text, or <see cref="None"/>.</summary>
    public int Find(ReadOnlySpan<char> text)
    {
        var node = Root;
        foreach (var c in text)
        {
            node = Child(node, c);
            if (node == None)
                return None;
        }

        return _ids[node];
    }

    /// <summary>The id of the longest string that the text begins with, and its length; <see cref="None"/>: there is none.</summary>
    public int Longest(ReadOnlySpan<char> text, out int length)
    {
        int node = Root, found = None;
        length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            node = Child(node, text[i]);
            if (node == None)
                break;
            if (_ids[node] != None)
                (found, length) = (_ids[node], i + 1);
        }

        return found;
    }

    private static ulong Key(int node, char c) => (((ulong)(uint)node << 16) | c) + 1;

    private int Slot(int node, char c)
    {
        var key = Key(node, c);
        var mask = _edges.Length - 1;
        // Fibonacci hashing: the high bits of the product are the well mixed ones.
        var slot = (int)((key * 0x9E3779B97F4A7C15) >> 32) & mask;
        while (_edges[slot] != key && _edges[slot] != 0)
            slot = (slot + 1) & mask;
        return slot;
    }

    private void Grow()
    {
        var (edges, children) = (_edges, _children);
        _edges = new ulong[edges.Length * 2];
        _children = new int[edges.Length * 2];
        for (var i = 0; i < edges.Length; i++)
        {
            if (edges[i] == 0)
                continue;
            var slot = Slot((int)((edges[i] - 1) >> 16), (char)(edges[i] - 1));
            _edges[slot] = edges[i];
            _children[slot] = children[i];
        }
    }
}
