using System.Buffers.Binary;
using System.Text;
using Weir.Retrieval.Models;
using Weir.Retrieval.Models.Safetensors;
using Weir.Tests.Retrieval.Support;

namespace Weir.Tests.Retrieval.Models;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"weir-{Guid.NewGuid():N}.safetensors");

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Open_ValidFile_KnowsEveryTensor()
    {
        File.WriteAllBytes(_path, new SafetensorsWriter().Add("a", [1.5f, 2, 3, 4, 5, 6], 3, 2).Add<long>("b", "I64", [7, 8], 2).Add("none", [], 0, 4).ToArray());
        using var file = new SafetensorsFile(_path);
        file.Tensors.Keys.Order().ShouldBe(["a", "b", "none"]);
        file.Tensors["a"].Shape.ShouldBe([3, 2]);
        file.Tensors["a"].Count.ShouldBe(6);
        file.Tensors["none"].Bytes.ShouldBe(0);
        using var lease = file.Use();
        BinaryPrimitives.ReadSingleLittleEndian(lease.Bytes(file.Tensors["a"].Start, 4)).ShouldBe(1.5f);
        BinaryPrimitives.ReadInt64LittleEndian(lease.Bytes(file.Tensors["b"].Start + 8, 8)).ShouldBe(8);
        var reads = 0;
        foreach (var (start, count) in new[] { (file.Length - 3, 4), (-1L, 1), (0L, -1), (long.MaxValue, 1) })
        {
            try
            {
                lease.Bytes(start, count);
                reads++;
            }
            catch (ArgumentOutOfRangeException)
            {
                continue;
            }
        }

        reads.ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}""", "tensor 't': its shape [2] of F32 is 8 bytes, its place has 16")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "tensor 't': its bytes 0..16 end past the file (truncated? 8 bytes follow the header)")]
    [InlineData("""{"t":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", "tensor 't': its dtype F8_E4M3 is not read here, only F64, F32")]
    [InlineData("""{"t":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", "tensor 't': its dtype f32")]
    [InlineData("""{"t":{"dtype":"1","shape":[2],"data_offsets":[0,8]}}""", "tensor 't': its dtype 1")]
    [InlineData("""{"t":{"dtype":"I8","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}""", "tensor 't': its shape")]
    [InlineData("""{"t":{"dtype":"I8","shape":[-8],"data_offsets":[0,8]}}""", "tensor 't': its shape has something")]
    [InlineData("""{"t":{"dtype":"I8","shape":[8],"data_offsets":[8,0]}}""", "tensor 't': its data_offsets are not")]
    [InlineData("""{"t":{"dtype":"I8","shape":[8],"data_offsets":[0,8,9]}}""", "tensor 't': its data_offsets are not")]
    [InlineData("""{"t":{"dtype":"I8","shape":[8]}}""", "tensor 't': it has no data_offsets")]
    [InlineData("""{"t":{"shape":[8],"data_offsets":[0,8]}}""", "tensor 't': it has no dtype")]
    [InlineData("""{"t":7}""", "tensor 't': it is not described by an object")]
    [InlineData("""{"a":{"dtype":"I8","shape":[6],"data_offsets":[0,6]},"b":{"dtype":"I8","shape":[4],"data_offsets":[4,8]}}""", "tensor 'b': its bytes overlap those of 'a'")]
    [InlineData("""{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[4],"data_offsets":[4,8]}}""", "tensor 'b': 2 bytes before it belong to no tensor")]
    [InlineData("""{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}""", "its last 6 bytes belong to no tensor")]
    [InlineData("""{"a":{"dtype":"I8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"I8","shape":[8],"data_offsets":[0,8]}}""", "it has two tensors 'a'")]
    [InlineData("""["a"]""", "its header is not a JSON object")]
    [InlineData("""{"a":""", "its header is not valid JSON")]
    [InlineData("""{} x""", "its header has bytes after its JSON")]
    [InlineData("", "its header is not valid JSON")]
    public void Open_WrongHeader_IsRefusedSayingWhatIsWrong(string header, string message)
    {
        Write(header, (ulong)Encoding.UTF8.GetByteCount(header));
        var refused = Should.Throw<ModelLoadException>(() => new SafetensorsFile(_path)).Message;
        refused.ShouldStartWith(_path + ": ");
        refused.ShouldContain(message);
    }

    [Fact]
    public void Open_WrongLength_IsRefused()
    {
        Write("{}", 1_000);
        Should.Throw<ModelLoadException>(() => new SafetensorsFile(_path)).Message.ShouldContain("its header of 1,000 bytes ends past the file (truncated? 18 bytes)");
        Write("{}", ulong.MaxValue);
        Should.Throw<ModelLoadException>(() => new SafetensorsFile(_path)).Message.ShouldContain("at most 100,000,000 are allowed");
        File.WriteAllBytes(_path, [1, 2, 3]);
        Should.Throw<ModelLoadException>(() => new SafetensorsFile(_path)).Message.ShouldContain("it has 3 bytes");
        File.WriteAllBytes(_path, []);
        Should.Throw<ModelLoadException>(() => new SafetensorsFile(_path)).Message.ShouldContain("it has 0 bytes");
        File.Delete(_path);
        Should.Throw<ModelLoadException>(() => new SafetensorsFile(_path)).Message.ShouldContain("it cannot be read");
    }

    [Fact]
    public void Use_DisposedMeanwhile_KeepsTheMappingUntilItsEnd()
    {
        File.WriteAllBytes(_path, new SafetensorsWriter().Add("a", [1.5f], 1).ToArray());
        var file = new SafetensorsFile(_path);
        using (var lease = file.Use())
        {
            file.Dispose();
            BinaryPrimitives.ReadSingleLittleEndian(lease.Bytes(file.Tensors["a"].Start, 4)).ShouldBe(1.5f);
        }

        Should.Throw<ObjectDisposedException>(() => file.Use());
        file.Dispose();
    }

    private void Write(string header, ulong length)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        File.WriteAllBytes(_path, [.. bytes, .. Encoding.UTF8.GetBytes(header), .. new byte[8]]);
    }
}
