//! Remedies that the library names, in the words of the command line.

use remora::Remedy;

/// The part of the program that was asked for what failed: a command and the server have other options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A command that ends when it is done.
    Command,
    /// `remora serve`.
    Server,
}

/// The line that says what to do.
pub(super) fn in_words(remedy: Remedy, asked: Asked) -> &'static str {
    use Asked::{Command, Server};
    match (remedy, asked) {
        (Remedy::NameStore, Command) => "name a folder with --store or REMORA_STORE",
        (Remedy::FreeStoreSpace, Command) => {
            "free some space, for instance with remora store gc, or name another folder with --store"
        }
        (Remedy::FreeSpace, _) => "free some space on that disk, then try again",
        (Remedy::WorkAsOwner, _) => {
            "work as the user whose store and files these are, with all of its subordinate users, or mend their rights"
        }
        (Remedy::MountForWriting, _) => "have that file system mounted for writing, then try again",
        (Remedy::CheckDisk, _) => "check the disk, then try again",
        (Remedy::PullFromElsewhere, _) => {
            "bring the image back to that place, or pull it from where it is now: remora pull"
        }
        (Remedy::WritableStore, Command) => {
            "name a folder that you may write to with --store or REMORA_STORE"
        }
        (Remedy::LocalStore, Command) => {
            "files cannot be locked there: name a folder on a local disk with --store or REMORA_STORE"
        }
        (Remedy::LocalFolder, _) => {
            "files cannot be locked there: write to a folder on a local disk, and copy it from there"
        }
        (Remedy::OtherStore, Command) => {
            "name an empty folder or a store of this version with --store or REMORA_STORE"
        }
        (Remedy::NameStore | Remedy::WritableStore, Server) => {
            "name a folder that the server may write to with --data"
        }
        (Remedy::FreeStoreSpace, Server) => "free some space on the disk that --data is on",
        (Remedy::LocalStore, Server) => {
            "files cannot be locked there: name a folder on a local disk with --data"
        }
        (Remedy::OtherStore, Server) => {
            "name an empty folder or one that a server of this version has used with --data"
        }
        (Remedy::VerifyStore, Command) => {
            "run remora store verify, which drops damaged layers, and try again; check the disk"
        }
        (Remedy::VerifyStore, Server) => {
            "run remora store verify with --store naming the folder store of --data, which drops \
             damaged layers, and try again; check the disk"
        }
        (Remedy::NameDeployments, _) => "name a folder with --deployments or REMORA_DEPLOYMENTS",
        (Remedy::OwnDeployments, _) => {
            "deploy as that user, or name a folder that is root's alone with --deployments"
        }
        (Remedy::OwnStore, _) => {
            "work as the user whose store it is, or name a store that is root's alone with --store"
        }
        (Remedy::RepairStore, _) => {
            "check all that is stored and deployed, and mend that: remora store verify --repair"
        }
        (Remedy::EndContainers, _) => "end it, remora run and what it started, and try again",
        (Remedy::ListDeployments, _) => "see what is deployed: remora deployments",
        (Remedy::OldOneStays, _) => {
            "the deployment before, if there was one, is still current; mend the image, or the check"
        }
        (Remedy::MendRuntime, _) => {
            "the deployment before, if there was one, is still current; see what the runtime lacks, or \
             name another with --runtime; the image must have /bin/sh for a check"
        }
        (Remedy::WaitForDeploy, _) => {
            "wait until that has ended, a check may take its time, and try again"
        }
        (Remedy::MountOrForget, _) => {
            "mount its disk; if that never comes back, have the store forget what was there with --forget"
        }
        (Remedy::WaitForVerify, _) => {
            "wait until remora store verify has ended, which compares it, and try again"
        }
        (Remedy::InstallRuntime, _) => {
            "install one, for instance with apt-get install runc, or name it with --runtime"
        }
        (Remedy::PullBase, _) => "pull that image first, or say where it is with --from",
        (Remedy::PullImageItself, _) => {
            "pull the image that it makes by the image's own name, or make the delta again: remora create"
        }
        (Remedy::PullAgain, _) => "pull the image again, or take its name away with remora rmi",
        (Remedy::ClearStore, _) => "move it away and try again",
        (Remedy::MoreOpenFiles, _) => "allow more open files, for instance with ulimit -n 4096",
        (Remedy::RebuildImage, _) => {
            "the image is damaged or was put together wrongly: push it again from its source"
        }
        (Remedy::LargerLayers, Command) => {
            "it looks like a bomb; if it is to be trusted, raise --max-layer-size, --max-image-size, \
             --max-archive-size or --max-ratio"
        }
        (Remedy::LargerLayers, Server) => {
            "it looks like a bomb; if it is to be trusted, raise --max-layer-size, --max-image-size or \
             --max-ratio"
        }
        (Remedy::MoreMemory, Command) => {
            "allow so much with --memory, make a v3 delta, or let devices pull the image whole"
        }
        (Remedy::MoreMemory, Server) => "allow so much with --build-memory",
        (Remedy::MoreAddressSpace, Command) => {
            "allow more memory: raise ulimit -v, or take less with --memory and --threads"
        }
        (Remedy::MoreAddressSpace, Server) => {
            "allow more memory: raise ulimit -v (systemd: LimitAS=), or take less with --build-memory"
        }
        (Remedy::FreeTemporarySpace, _) => "free some space there, or set TMPDIR to another folder",
        (Remedy::ChoosePlatform, _) => "choose one of those with --platform",
        (Remedy::ManifestOrOtherFormat, _) => {
            "take the target from a registry or an OCI layout, or choose another --format"
        }
        (Remedy::BringSignatures, _) => {
            "name the image in its registry, or have a delta bring its signatures along: remora create BASE IMAGE --format \
             remora --signatures"
        }
        (Remedy::NameImage, _) => {
            "say by its name in the registry which image it is, for instance --as registry.example.com/app:2"
        }
        (Remedy::LeaveOutSignatures, _) => "leave out --signatures",
        (Remedy::FormatWithoutTree, _) => {
            "build that image anew, or choose --format remora or v3, which take any bytes"
        }
        (Remedy::GiveDelta, _) => {
            "give a delta made by remora create or balena-engine; remora list IMAGE says which ones a registry has for an image"
        }
        (Remedy::ApplyDelta, _) => {
            "it is a delta: remora apply BASE DELTA and remora pull DELTA make its image, remora inspect says of what"
        }
        (Remedy::TrustAuthority, _) => "name the registry's certificate authority with --ca-file",
        (Remedy::AllowPlainHttp, _) => "use HTTPS, or allow plain HTTP with --plain-http",
        (Remedy::NameRegistry, _) => {
            "a name without a registry's host is one of Docker Hub's: write HOST/NAME for another registry, oci:DIR or \
             oci-archive:FILE for files; for Docker Hub check the name and the network, and log in if it is private"
        }
        (Remedy::CheckHostName, _) => "check the registry's name; trying again does not help",
        (Remedy::RenewCertificate, _) => {
            "have the registry's certificate renewed, or set the clock of this machine"
        }
        (Remedy::NameInCertificate, _) => {
            "name the registry as its certificate does, or have a certificate made for this name"
        }
        (Remedy::ClientCertificate, Command) => {
            "put ca.crt, client.cert and client.key into ~/.config/containers/certs.d/HOST[:PORT], or \
             name their folder with --cert-dir"
        }
        (Remedy::ClientCertificate, Server) => {
            "put ca.crt, client.cert and client.key into /etc/containers/certs.d/HOST[:PORT]"
        }
        (Remedy::SpeakTls, _) => "it speaks HTTPS only: have the registry name it with https://",
        (Remedy::LargerUploads, _) => {
            "raise what the registry, or the proxy before it, takes at once (nginx: \
             client_max_body_size)"
        }
        (Remedy::OtherManifestKind, Command) => {
            "the registry does not take this kind: try --manifest docker or --manifest oci"
        }
        (Remedy::OtherManifestKind, Server) => {
            "the registry does not take manifests of this kind: look into its settings"
        }
        (Remedy::RegistrySpace, _) => {
            "the registry has no room left for this repository: delete images there, or have the \
             quota raised"
        }
        (Remedy::FewerRequests, _) => {
            "the registry counts requests: wait, or log in, which often allows more of them"
        }
        (Remedy::LogIn, Command) => {
            "log in with remora login (podman login and docker login serve as well), and check the name"
        }
        (Remedy::OtherCredentials, Command) => {
            "log in again with remora login, or give other credentials with --authfile or --creds"
        }
        (Remedy::LogIn | Remedy::OtherCredentials, Server) => {
            "check --builder-user and --builder-token against the registry's token server"
        }
        (Remedy::NameCredentialsFile, _) => "name the file with --authfile",
        (Remedy::CheckCredentialsFile, _) => "check --authfile and REGISTRY_AUTH_FILE",
        (Remedy::GiveBuilderCredential, _) => {
            "give the builder credential of that server with --token-file"
        }
        (Remedy::LogInToOpenBalena, Command) => {
            "run balena login, or give an API key with --token-file or BALENA_API_KEY"
        }
        (Remedy::LogInToOpenBalena, Server) => "give another API key with --api-key-file",
        (Remedy::NameRelease, _) => {
            "write a release's ID, its commit, FLEET:VERSION, or FLEET for the one that it tracks"
        }
        (Remedy::TokenSettings, _) => {
            "see --token-keys, --token-algorithm and --builder-token, or remora serve --help-all"
        }
        (Remedy::JoinEngineGroup, _) => {
            "the engine's socket is for root and the group docker: join that group (which is as good as root), or use sudo"
        }
        (Remedy::StartEngine, _) => "start the engine, or say with DOCKER_HOST where it is",
        (Remedy::OtherListenAddress, _) => {
            "choose another with --listen; ports below 1024 may take a privilege"
        }
        _ => "check that it is there and may be used, then try again",
    }
}
