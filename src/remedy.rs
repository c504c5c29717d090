//! Remedies against failures, as values. Whoever talks to a person puts a remedy into words: the
//! library does not know what options a program has.

/// The remedy against a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Name a folder for the store: there is no usual one.
    NameStore,
    /// Free space where the store is, or use a store elsewhere.
    FreeStoreSpace,
    /// Free space on the disk that the error names.
    FreeSpace,
    /// Work as the user whose the files are, or mend their rights.
    WorkAsOwner,
    /// Have the file system mounted so that it can be written to.
    MountForWriting,
    /// Check the disk.
    CheckDisk,
    /// Bring the image back to where it came from, or pull it from elsewhere.
    PullFromElsewhere,
    /// Use a store that may be written to.
    WritableStore,
    /// Use a store on a local file system: files cannot be locked where the store is.
    LocalStore,
    /// Write to a folder on a local file system: files cannot be locked where the output is.
    LocalFolder,
    /// Use another folder for the store: what is there is not to be touched.
    OtherStore,
    /// Check all of the store, which drops what is damaged, and try again.
    VerifyStore,
    /// Pull the image that the delta applies to first, or name where it is.
    PullBase,
    /// Pull the image that the delta makes by its own name, or make the delta again.
    PullImageItself,
    /// Name a folder for deployments: there is no usual one.
    NameDeployments,
    /// Deploy as the user whose folder it is, or into a folder that is root's alone.
    OwnDeployments,
    /// Use a store that is root's alone, or work as the user whose store it is.
    OwnStore,
    /// Check all of the store and of what is deployed, and mend that.
    RepairStore,
    /// End what runs of a deployment.
    EndContainers,
    /// See what is deployed.
    ListDeployments,
    /// The deployment before is still current: mend the image, or the check.
    OldOneStays,
    /// The deployment before is still current: see what the runtime lacks, or give the image a shell.
    MendRuntime,
    /// Wait until whoever is deploying has ended, and try again.
    WaitForDeploy,
    /// Mount the file system, or have what was there forgotten.
    MountOrForget,
    /// Wait until whoever compares or mends deployments has ended, and try again.
    WaitForVerify,
    /// Install a program that starts containers, or name one.
    InstallRuntime,
    /// Pull the image again, or remove its name.
    PullAgain,
    /// Move away what stands where a file of the store belongs.
    ClearStore,
    /// Allow the process more open files.
    MoreOpenFiles,
    /// Make or push the image again from its source.
    RebuildImage,
    /// Allow layers, images or archives to unpack to more, if they are to be trusted.
    LargerLayers,
    /// Allow the work more memory, as much as the error says.
    MoreMemory,
    /// Allow the process more address space, or have the work take less.
    MoreAddressSpace,
    /// Free space where temporary files are.
    FreeTemporarySpace,
    /// Choose one of the platforms that the error lists.
    ChoosePlatform,
    /// Take the image from where it has a manifest, or choose another format.
    ManifestOrOtherFormat,
    /// Name the image in its registry, or have a delta bring its signatures along: none came with it.
    BringSignatures,
    /// Say which image it is: where it lies it has no name that a signature could be for.
    NameImage,
    /// Make the delta without the target's signatures.
    LeaveOutSignatures,
    /// Choose a format that takes its bytes from tars, or build the image with a tool that writes whole ones.
    FormatWithoutTree,
    /// Give what Remora or balena-engine made as a delta.
    GiveDelta,
    /// Apply what was given, or have it pulled: it is a delta and no image.
    ApplyDelta,
    /// Trust the authority that vouches for the registry.
    TrustAuthority,
    /// Speak TLS, or allow plain HTTP to that registry.
    AllowPlainHttp,
    /// Name the registry: a name without one is of Docker Hub.
    NameRegistry,
    /// Check the registry's name: no host is called so.
    CheckHostName,
    /// Have the registry's certificate renewed, or set the clock of this machine.
    RenewCertificate,
    /// Use a name that the registry's certificate has.
    NameInCertificate,
    /// Give the client certificate that the registry asks for.
    ClientCertificate,
    /// Use HTTPS: the other side speaks nothing else.
    SpeakTls,
    /// Have the registry, or the proxy before it, take larger requests.
    LargerUploads,
    /// Push another kind of manifest or compression: the registry does not take this one.
    OtherManifestKind,
    /// Free space in the registry, or have the quota raised.
    RegistrySpace,
    /// Come back later, or log in: the registry counts requests.
    FewerRequests,
    /// Log in: the registry wants to know who asks, and nothing is there to show.
    LogIn,
    /// Log in again, or give other credentials.
    OtherCredentials,
    /// Name another file with credentials, or make the named one readable.
    CheckCredentialsFile,
    /// Name a file with credentials: the usual one has none, or there is no usual one.
    NameCredentialsFile,
    /// Give the credential that the delta server takes from builders.
    GiveBuilderCredential,
    /// Log in to openBalena, or give an API key.
    LogInToOpenBalena,
    /// Name a release that there is, so that no other is meant.
    NameRelease,
    /// Mend what the server is told about tokens and their keys.
    TokenSettings,
    /// Be allowed to talk to the engine: join the group that its socket is for.
    JoinEngineGroup,
    /// Start the engine, or say where it is.
    StartEngine,
    /// Listen at another address.
    OtherListenAddress,
}
