"""DICOMweb (PS3.18): QIDO finds, WADO fetches, STOW stores. Only chest radiographs are fetched, and nothing is kept.

dicomweb-client speaks the protocol. Identifiers go out to the server that was named, and nowhere else: they stand in no
message and no log.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import RE_VALID_UID

from priorrg import texts
from priorrg.errors import PacsError
from priorrg.imaging.header import RADIOGRAPHS

logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)  # it logs the addresses that it asks, UIDs in them

TIMEOUT_S = 30
TRIES, FIRST_WAIT_MS = 3, 250  # after 0.5 and 1 s; dicomweb-client's own five tries take half a minute
MOST_FILMS = 20  # of one study: a chest examination has two to four
_STUDY, _DAY, _TIME = "0020000D", "00080020", "00080030"
_SERIES, _INSTANCE, _MODALITY = "0020000E", "00080018", "00080060"


class Pacs:
    """One server. address: of its DICOMweb service, such as `https://pacs.example/dicom-web`."""

    def __init__(self, address: str, user: str = "", password: str = "") -> None:
        session = requests.Session()
        if user:
            session.auth = (user, password)
        request = session.request
        session.request = lambda *a, **k: request(*a, **({"timeout": TIMEOUT_S} | k))  # type: ignore[method-assign]
        try:
            self._client = DICOMwebClient(address.rstrip("/"), session=session)
        except ValueError:
            raise PacsError(texts.pacs.NO_ADDRESS.format(address=address)) from None
        self._client.set_http_retry_params(max_attempts=TRIES, wait_exponential_multiplier=FIRST_WAIT_MS)

    def study(self, uid: str) -> list[bytes]:
        """The radiographs of one study, as DICOM files. Raises PacsError."""
        if not re.fullmatch(RE_VALID_UID, uid) or len(uid) > 64:
            raise PacsError(texts.pacs.NO_UID)
        found = self._ask(lambda: self._client.search_for_instances(uid, fields=["Modality"]))
        films = [one for one in found if _value(one, _MODALITY) in RADIOGRAPHS]
        if not films:
            raise PacsError(texts.pacs.NO_FILMS)
        if len(films) > MOST_FILMS:
            raise PacsError(texts.pacs.MANY_FILMS.format(films=len(films), most=MOST_FILMS))
        places = [(uid, _value(one, _SERIES), _value(one, _INSTANCE)) for one in films]
        return [_written(self._ask(lambda place=place: self._client.retrieve_instance(*place))) for place in places]

    def with_prior(self, uid: str) -> list[bytes]:
        """The radiographs of a study, and those of the patient's latest earlier one that has any. Raises PacsError."""
        films = self.study(uid)
        first = pydicom.dcmread(io.BytesIO(films[0]), stop_before_pixels=True)
        patient = str(first.get("PatientID") or "")
        moment = str(first.get("StudyDate") or ""), str(first.get("StudyTime") or "")
        if not patient or not moment[0]:
            return films
        for other in self._newest_first(patient):
            if _value(other, _STUDY) != uid and (_value(other, _DAY), _value(other, _TIME)) < moment:
                try:
                    return films + self.study(_value(other, _STUDY))
                except PacsError as error:
                    if str(error) != texts.pacs.NO_FILMS:
                        raise
        return films

    def latest(self, patient_id: str) -> list[bytes]:
        """The radiographs of a patient's newest study that has any, and those of the one before. Raises PacsError."""
        for found in self._newest_first(patient_id):
            try:
                return self.with_prior(_value(found, _STUDY))
            except PacsError as error:
                if str(error) != texts.pacs.NO_FILMS:
                    raise
        raise PacsError(texts.pacs.NO_FILMS)

    def send(self, files: Sequence[bytes]) -> None:
        """Store DICOM objects (STOW-RS). Raises PacsError where the server does not take all of them."""
        data = [pydicom.dcmread(io.BytesIO(file)) for file in files]
        answer = self._ask(lambda: self._client.store_instances(data))
        if "FailedSOPSequence" in answer and len(answer.FailedSOPSequence):
            raise PacsError(texts.pacs.NOT_STORED)

    def _newest_first(self, patient_id: str) -> list[dict]:
        if not patient_id.strip() or set(patient_id) & set("*?\\"):  # wildcards would find other people
            raise PacsError(texts.pacs.NO_PATIENT)
        asked = {"PatientID": patient_id.strip()}
        found = self._ask(lambda: self._client.search_for_studies(search_filters=asked))
        dated = [one for one in found if _value(one, _DAY)]
        return sorted(dated, key=lambda one: (_value(one, _DAY), _value(one, _TIME)), reverse=True)

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else "?"
            said = texts.pacs.NOT_ALLOWED if status in (401, 403) else texts.pacs.NO_FILMS if status == 404 else ""
            raise PacsError(said or texts.pacs.REFUSED.format(status=status)) from None
        except (requests.RequestException, OSError):  # the cause names the address, with UIDs in it
            raise PacsError(texts.pacs.NOT_REACHED) from None
        except (ValueError, KeyError):
            raise PacsError(texts.pacs.NO_DICOMWEB) from None


def _value(found: dict, tag: str) -> str:
    values = found.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _written(data: Dataset) -> bytes:
    file = io.BytesIO()
    pydicom.dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()
