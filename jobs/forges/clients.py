"""Which forges are spoken to, and by what."""

from collections.abc import Mapping

import aiohttp

from jobs.forges.azure import Azure
from jobs.forges.bitbucket import Bitbucket
from jobs.forges.bitbucket_dc import BitbucketDataCenter
from jobs.forges.conversation import Conversation
from jobs.forges.forge import Forge
from jobs.forges.gitea import Gitea
from jobs.forges.gitea_conversation import GiteaConversation
from jobs.forges.github import GitHub
from jobs.forges.github_conversation import GitHubConversation
from jobs.forges.gitlab import GitLab
from jobs.forges.gitlab_conversation import GitLabConversation
from reconciler.model.declared import Forge as ForgeKind


def conversations(session: aiohttp.ClientSession) -> Mapping[ForgeKind, Conversation]:
    """A client of every forge whose pull requests are planned."""
    return {
        ForgeKind.GITHUB: GitHubConversation(session),
        ForgeKind.GITLAB: GitLabConversation(session),
        ForgeKind.GITEA: (gitea := GiteaConversation(session)),
        ForgeKind.FORGEJO: gitea,
    }


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
