"""Which forges are spoken to, and by what."""

from collections.abc import Mapping

import aiohttp

from jobs.forges.azure import Azure
from jobs.forges.azure_conversation import AzureConversation
from jobs.forges.azure_hooks import AzureHooks
from jobs.forges.bitbucket import Bitbucket
from jobs.forges.bitbucket_conversation import BitbucketConversation
from jobs.forges.bitbucket_dc import BitbucketDataCenter
from jobs.forges.bitbucket_dc_conversation import BitbucketDataCenterConversation
from jobs.forges.bitbucket_dc_hooks import BitbucketDataCenterHooks
from jobs.forges.bitbucket_hooks import BitbucketHooks
from jobs.forges.conversation import Conversation
from jobs.forges.forge import Forge
from jobs.forges.gitea import Gitea
from jobs.forges.gitea_conversation import GiteaConversation
from jobs.forges.gitea_hooks import GiteaHooks, GiteaOwnerHooks
from jobs.forges.github import GitHub
from jobs.forges.github_conversation import GitHubConversation
from jobs.forges.github_hooks import GitHubHooks
from jobs.forges.gitlab import GitLab
from jobs.forges.gitlab_conversation import GitLabConversation
from jobs.forges.gitlab_hooks import GitLabHooks
from jobs.forges.hooks import Hooks, Place
from reconciler.model.declared import Forge as ForgeKind


def conversations(session: aiohttp.ClientSession) -> Mapping[ForgeKind, Conversation]:
    """A client of every forge whose pull requests are planned."""
    return {
        ForgeKind.GITHUB: GitHubConversation(session),
        ForgeKind.GITLAB: GitLabConversation(session),
        ForgeKind.GITEA: (gitea := GiteaConversation(session)),
        ForgeKind.FORGEJO: gitea,
        ForgeKind.BITBUCKET: BitbucketConversation(session),
        ForgeKind.BITBUCKET_DC: BitbucketDataCenterConversation(session),
        ForgeKind.AZURE: AzureConversation(session),
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


def hook_clients(session: aiohttp.ClientSession, place: Place = Place.REPOSITORY) -> Mapping[ForgeKind, Hooks]:
    """A client of every forge at which webhooks are registered."""
    gitea = GiteaHooks(session) if place is Place.REPOSITORY else GiteaOwnerHooks(session)
    return {
        ForgeKind.GITHUB: GitHubHooks(session, place),
        ForgeKind.GITLAB: GitLabHooks(session, place),
        ForgeKind.GITEA: gitea,
        ForgeKind.FORGEJO: gitea,
        ForgeKind.BITBUCKET: BitbucketHooks(session, place),
        ForgeKind.BITBUCKET_DC: BitbucketDataCenterHooks(session, place),
        ForgeKind.AZURE: AzureHooks(session, place),
    }
