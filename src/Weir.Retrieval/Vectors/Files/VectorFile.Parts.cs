using System.Globalization;

namespace Weir.Retrieval.Vectors.Files;

/// <summary>The parts of a folder: found at the start, begun when the last is full, written anew when little of one is left.</summary>
internal sealed partial class VectorFile
{
    private const int FewestSlots = 256;
    private const string Suffix = ".vectors";

    private void Load()
    {
        try
        {
            Directory.CreateDirectory(_folder);
            _lock = new FileStream(Path.Combine(_folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            foreach (var path in Directory.GetFiles(_folder, "*" + Suffix).Order(StringComparer.Ordinal))
                Load(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Refuse(e.Message);
        }
    }

    private void Load(string path)
    {
        if (int.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < int.MaxValue)
            _next = Math.Max(_next, number + 1);
        // Parts larger than the setting may be of an earlier one.
        try
        {
            var (part, damaged, fault) = VectorFilePart.Open(
                path, _layout, _settings.MostBytes, (found, slot, key) => Place(found, slot, key));
            if (part is not null)
                _parts.Add(part);
            if (damaged > 0)
                LogDropped(path, $"{damaged} records are damaged");
            if (fault is null)
                return;
            LogDropped(path, fault);
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _records.RemoveWhere(record => record.Part.Path == path);
            LogDropped(path, e.Message);
        }
    }

    /// <summary>False: there is no room for it. Parts that are about to be deleted are not written to.</summary>
    private bool TryWrite(ReadOnlySpan<byte> key, ReadOnlySpan<float> vector, long mostBytes, HashSet<VectorFilePart>? ending = null)
    {
        try
        {
            if ((_parts.Count == 0 || _parts[^1].Full || ending?.Contains(_parts[^1]) == true) && !TryBegin(mostBytes))
                return Refuse($"they take {Bytes} bytes of {_settings.MostBytes} that are allowed");
            _parts[^1].TryAppend(key, vector, _record, out var slot);
            Place(_parts[^1], slot, key);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Refuse(e.Message);
        }
    }

    /// <summary>Parts double until they are as large as they get, so that small files stay small.</summary>
    private bool TryBegin(long mostBytes)
    {
        var room = (Math.Min(_settings.PartBytes, mostBytes - Bytes) - VectorFileLayout.HeaderBytes) / _layout.RecordBytes;
        var slots = Math.Min(Math.Max(FewestSlots, _records.Count), room);
        if (slots <= 0)
            return false;
        var path = Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{_next++:d8}{Suffix}"));
        _parts.Add(VectorFilePart.Create(path, _layout, (int)slots));
        return true;
    }

    private void Place(VectorFilePart part, int slot, ReadOnlySpan<byte> key)
    {
        // Of two records with one key the later one counts.
        var record = new VectorRecord(part, slot, VectorRecordKeys.Hash(key));
        if (_records.Add(record))
            return;
        _records.Remove(record);
        _records.Add(record);
    }

    private void Compact()
    {
        var live = new Dictionary<VectorFilePart, List<VectorRecord>>();
        foreach (var part in _parts)
            live[part] = [];
        foreach (var record in _records)
            live[record.Part].Add(record);
        // Chosen before anything is copied, and never copied to.
        var sparse = _parts.FindAll(part => part.Used > 0 && live[part].Count * 2 <= part.Used).ToHashSet();
        foreach (var part in sparse)
        {
            // Until the old part is gone, both take room.
            foreach (var record in live[part])
                if (!TryWrite(record.Key, record.Vector, _settings.MostBytes + part.Bytes, sparse))
                    return;
            _parts.Remove(part);
            Delete(part);
        }
    }

    private void Delete(VectorFilePart part)
    {
        part.Dispose();
        try
        {
            File.Delete(part.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Some systems keep a file that is still mapped: it is dropped at the next start, once its keys are not retained.
            LogDropped(part.Path, e.Message);
        }
    }
}
