"""Run by `test_legacy_sdk.py` with the Python of the old SDK: `legacy_files.py <server> <private key> <public key> <picture>`.

That SDK compares exact status codes and builds fixed classes of the answers, so a call that comes back is a call that fits.
"""

import sys

from imagekitio import ImageKit
from imagekitio.constants.url import URL
from imagekitio.exceptions.ConflictException import ConflictException
from imagekitio.exceptions.NotFoundException import NotFoundException
from imagekitio.models.CopyFileRequestOptions import CopyFileRequestOptions
from imagekitio.models.CreateFolderRequestOptions import CreateFolderRequestOptions
from imagekitio.models.DeleteFolderRequestOptions import DeleteFolderRequestOptions
from imagekitio.models.ListAndSearchFileRequestOptions import ListAndSearchFileRequestOptions
from imagekitio.models.MoveFileRequestOptions import MoveFileRequestOptions
from imagekitio.models.RenameFileRequestOptions import RenameFileRequestOptions
from imagekitio.models.UpdateFileRequestOptions import UpdateFileRequestOptions
from imagekitio.models.UploadFileRequestOptions import UploadFileRequestOptions

server, private_key, public_key, picture = sys.argv[1:]
URL.API_BASE_URL = URL.UPLOAD_BASE_URL = server
client = ImageKit(private_key=private_key, public_key=public_key, url_endpoint=f"{server}/demo")
UNKNOWN_ID = "0123456789abcdef01234567"


def upload(name, folder="/legacy"):
    options = UploadFileRequestOptions(folder=folder, use_unique_file_name=False, tags=["sea"])
    return client.upload_file(file=open(picture, "rb"), file_name=name, options=options).file_id


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


one, two = upload("one.jpg"), upload("two.jpg")
assert upload("one.jpg") == one
updated = client.update_file_details(one, UpdateFileRequestOptions(tags=["dawn"], custom_coordinates="1,2,3,4"))
assert updated.tags == ["dawn"] and updated.custom_coordinates == "1,2,3,4"
assert client.update_file_details(one, UpdateFileRequestOptions(publish={"isPublished": True})).tags == ["dawn"]
assert client.add_tags([one, two], ["sky"]).successfully_updated_file_ids == [one, two]
assert client.remove_tags([one, two], ["sky"]).successfully_updated_file_ids == [one, two]
assert client.remove_ai_tags([one, two], ["x"]).successfully_updated_file_ids == [one, two]
raises(NotFoundException, lambda: client.add_tags([one, UNKNOWN_ID], ["x"]))
assert [v.version_info.name for v in client.get_file_versions(one).list] == ["Version 2", "Version 1"]
assert client.get_file_version_details(one, one).version_info.id == one
newest = client.get_file_details(one).version_info.id
assert client.restore_file_version(one, one).version_info.id == one
assert client.delete_file_version(one, newest).response_metadata.http_status_code == 204

copied = client.copy_file(CopyFileRequestOptions(source_file_path="/legacy/one.jpg", destination_path="/legacy/copy"))
assert copied.response_metadata.http_status_code == 204
moved = client.move_file(MoveFileRequestOptions(source_file_path="/legacy/copy/one.jpg", destination_path="/legacy/moved"))
assert moved.response_metadata.http_status_code == 204
renamed = client.rename_file(RenameFileRequestOptions(file_path="/legacy/moved/one.jpg", new_file_name="three.jpg"))
assert renamed.response_metadata.http_status_code == 200 and not renamed.purge_request_id
raises(ConflictException, lambda: client.rename_file(RenameFileRequestOptions("/legacy/one.jpg", "two.jpg")))
raises(NotFoundException, lambda: client.copy_file(CopyFileRequestOptions("/legacy/none.jpg", "/")))
listed = client.list_files(ListAndSearchFileRequestOptions(path="/legacy/moved")).list
assert [file.name for file in listed] == ["three.jpg"]

created = client.create_folder(CreateFolderRequestOptions(folder_name="a b", parent_folder_path="/legacy"))
assert created.response_metadata.http_status_code == 201
deleted = client.delete_folder(DeleteFolderRequestOptions(folder_path="/legacy/a_b/"))
assert deleted.response_metadata.http_status_code == 204
raises(NotFoundException, lambda: client.delete_folder(DeleteFolderRequestOptions(folder_path="/legacy/a_b/")))
assert client.delete_file(two).response_metadata.http_status_code == 204
raises(NotFoundException, lambda: client.bulk_file_delete([one, UNKNOWN_ID]))
assert client.bulk_file_delete([one]).successfully_deleted_file_ids == [one]
print("every call fitted")
