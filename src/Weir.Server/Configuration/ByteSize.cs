namespace Weir.Server.Configuration;

/// <summary>A number of bytes, written <c>"32MB"</c>, <c>"512KB"</c>, <c>"1GB"</c> or as a plain number; units are powers of 1024.</summary>
public readonly record struct ByteSize(long Bytes);
