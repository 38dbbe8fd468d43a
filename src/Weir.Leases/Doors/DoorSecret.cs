using Microsoft.Extensions.Logging;
using Weir.State;
using Weir.State.Secrets;

namespace Weir.Leases.Doors;

/// <summary>Gives the doors the secret that their tokens are signed with, the same on every replica and after a restart.</summary>
internal sealed class DoorSecret(IStateStore store, DoorSigner signer, TimeProvider time, ILogger<DoorSecret> log)
    : SharedSecret(store, Key, DoorSigner.SecretLength, time, log)
{
    public const string Key = "secrets/doors";

    protected override void Use(byte[] secret) => signer.Use(secret);
}
