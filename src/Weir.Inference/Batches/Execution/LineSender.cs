using Microsoft.Extensions.Logging;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Batches.Input;
using Weir.Inference.Batches.Results;
using Weir.Inference.Relay;
using Weir.Inference.Requests;

namespace Weir.Inference.Batches.Execution;

/// <summary>
/// Sends one line through the gateway, as a request of the key that made the batch, behind everybody who waits for an answer, and says
/// what its outcome means for the line.
/// </summary>
internal sealed partial class LineSender(InferencePipeline pipeline, IBatchAccounts accounts, BatchLimits limits, ILogger<LineSender> logger)
{
    private static readonly TimeSpan UntilKnown = TimeSpan.FromSeconds(1);

    /// <param name="batch">Whose line it is.</param>
    /// <param name="run">The line.</param>
    /// <param name="cut">Ends the try.</param>
    public async Task<LineOutcome> SendAsync(BatchRecord batch, LineRun run, CancellationToken cut)
    {
        var operation = BatchStore.OperationOf(batch.Endpoint)!;
        if (BatchLine.Parse(run.Line, batch.Endpoint, out var line) is { } fault)
        {
            // It was validated: another version did it, by other rules.
            return LineOutcome.Final(ResultLine.Refused(batch.Id, run.Number, $"line {run.Number}", InferenceError.Malformed(fault.Message, fault.Param), operation.Dialect));
        }

        run.Model = line.Head.Model;
        if (accounts.Find(batch.KeyId) is not { } account)
        {
            return LineOutcome.NoRoom(UntilKnown);
        }

        if (account.TryEnter(pipeline.EstimateOf(operation, line.Head), out var permit) is { } refusal)
        {
            return refusal.Status is 429 or 503
                ? LineOutcome.NoRoom(refusal.RetryAfter)
                : LineOutcome.Final(ResultLine.Refused(batch.Id, run.Number, line.CustomId, refusal, operation.Dialect));
        }

        using (permit)
        {
            var answer = new BufferedAnswer(limits.AnswerBytes);
            try
            {
                var report = await pipeline.RunAsync(
                    new InferenceRequest
                    {
                        Operation = operation,
                        Head = line.Head,
                        Body = line.Body,
                        Tenant = batch.Tenant,
                        MayUse = account.MayUse,
                        Priority = 0,
                        IsBackground = true,
                        Headers = new ClientHeaders { IdempotencyKey = $"{batch.Id}/{run.Number}" },
                    },
                    answer,
                    cut).ConfigureAwait(false);
                if (report.Deployment is not null)
                {
                    permit!.Settle(report);
                }

                return Judge(batch.Id, run.Number, line.CustomId, operation, report, answer, cut);
            }
            catch (OperationCanceledException) when (cut.IsCancellationRequested)
            {
                return LineOutcome.Cut;
            }
            catch (Exception bug)
            {
                // One line that meets a bug must not end the batch.
                LogBug(bug, batch.Id, run.Number);
                var error = new InferenceError(500, "internal_error", "Weir failed to send this line; its log says why.");
                return LineOutcome.Trouble(ResultLine.Refused(batch.Id, run.Number, line.CustomId, error, operation.Dialect), null, isAway: false);
            }
        }
    }

    private LineOutcome Judge(
        string batch, int number, string customId, Operation operation, InferenceReport report, BufferedAnswer answer, CancellationToken cut)
    {
        if (answer.IsTooLarge)
        {
            return LineOutcome.Final(ResultLine.Unanswered(
                batch, number, customId, "answer_too_large", $"The answer has more than {limits.AnswerBytes} bytes; send this request outside a batch."));
        }

        if (report.Error is { } error)
        {
            var refused = ResultLine.Refused(batch, number, customId, error, operation.Dialect);
            return error switch
            {
                { Status: < 500 and not 429 } => LineOutcome.Final(refused),
                _ when IsNoRoom(error, report) => LineOutcome.NoRoom(error.RetryAfter),
                _ => LineOutcome.Trouble(refused, error.RetryAfter, IsAway(error)),
            };
        }

        if (answer.Head is not null && !answer.IsAborted && report.FailedBy is null or "client")
        {
            return LineOutcome.Final(ResultLine.Answered(batch, number, customId, report.Status, report.UpstreamId, answer.Content, report.Usage ?? default));
        }

        if (cut.IsCancellationRequested)
        {
            return LineOutcome.Cut;
        }

        var broken = new InferenceError(502, "provider_broken", $"Provider '{report.Provider}' did not finish its answer.");
        return LineOutcome.Trouble(ResultLine.Refused(batch, number, customId, broken, operation.Dialect), null, isAway: false);
    }

    // The request has not been sent, or the provider has had enough for now: neither is the line's fault, nor a try of it.
    private static bool IsNoRoom(InferenceError error, InferenceReport report) =>
        error.Status == 429 || error.Code is "draining" or "circuit_open" || report.Attempts == 0;

    // Unreachable, silent, overloaded, or refusing the key: only a 500 and an answer that is none may be the line's doing.
    private static bool IsAway(InferenceError error) => error.Status != 500 && error.Code != "provider_broken";

    [LoggerMessage(EventId = 234, EventName = "BatchLineFailed", Level = LogLevel.Error, Message = "Line {Line} of {Batch} could not be sent")]
    private partial void LogBug(Exception bug, string batch, int line);
}
