using System.Text;
using Weir.Retrieval.Catalogs.Mcp;

namespace Weir.Tests.Retrieval.Catalogs.Mcp;

public sealed class BoundedStreamTests
{
    [Theory]
    [InlineData("12345678\n12345678\n12345678\n", 1, true)]
    [InlineData("12345678901\n", 1, false)]
    [InlineData("data: 1\n\ndata: 2\n\ndata: 3\n\n", 2, true)]
    [InlineData("data: 1\r\n\r\ndata: 2\r\n\r\n", 2, true)]
    [InlineData("data: 1\ndata: 2\n", 2, false)]
    [InlineData("1234567890", 0, true)]
    [InlineData("12345\n\n12345", 0, false)]
    public async Task Read_InPiecesOfAnySize_RefusesOnlyWhatIsTooLarge(string text, int border, bool fits)
    {
        for (var piece = 1; piece <= text.Length; piece++)
        {
            using var stream = new BoundedStream(new MemoryStream(Encoding.ASCII.GetBytes(text)), 10, (MessageBorder)border);
            var buffer = new byte[piece];
            var read = async () =>
            {
                while (await stream.ReadAsync(buffer) > 0)
                {
                }
            };
            if (fits)
                await read();
            else
                await read.ShouldThrowAsync<McpFaultException>();
        }
    }
}
