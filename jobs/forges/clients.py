"""Which forges are spoken to, and by what."""

from collections.abc import Mapping

import aiohttp

from jobs.forges.azure import Azure
from jobs.forges.bitbucket import Bitbucket
from jobs.forges.bitbucket_dc import BitbucketDataCenter
from jobs.forges.forge import Forge
from jobs.forges.gitea import Gitea
from jobs.forges.github import GitHub
from jobs.forges.gitlab import GitLab
from reconciler.model.declared import Forge as ForgeKind


def clients(session: aiohttp.ClientSession) -> Mapping[ForgeKind, Forge]:
    """A client of every forge that takes statuses."""
    return {
        ForgeKind.GITHUB: GitHub(session),
        ForgeKind.GITLAB: GitLab(session),
        ForgeKind.GITEA: (gitea := Gitea(session)),
        ForgeKind.FORGEJO: gitea,
        ForgeKind.BITBUCKET: Bitbucket(session),
        ForgeKind.BITBUCKET_DC: BitbucketDataCenter(session),
        ForgeKind.AZURE: Azure(session),
    }
